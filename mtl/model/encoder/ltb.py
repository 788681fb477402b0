"""``encoder=ltb``."""

from collections.abc import Callable, Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from mtl.model.backbone.base import Backbone, Features, Stage
from mtl.model.encoder.base import Encoder
from mtl.model.views.base import Views


class LTB(Encoder):
    """Learning to branch (Guo et al., 2020): which stages tasks share is learned.

    At each stage there are as many nodes as tasks, the stages of as many backbones. Each node of
    the next stage chooses one of them as its parent, and each task one of the last stage's. In
    training a choice is a sample of a Gumbel softmax (Jang et al., 2017), a mixture that the
    temperature draws towards a single parent from epoch to epoch; in evaluation it is the most
    likely parent. A task's features are those of the nodes on its way.

    All nodes are computed in evaluation too, with weights of 0 where nobody chose them. The tree
    that was found is for ``encoder=multi_branch``, or to be trained anew as the authors do. Nodes
    that begin with the same pre-trained weights are told apart by the samples alone. Each of
    several processes draws samples of its own.

    Args:
        temperature: of the samples in the first epoch, above 0.
        final_temperature: towards the end; it falls by the same factor from epoch to epoch.
    """

    temperature: Tensor

    def __init__(
        self,
        make_backbone: Callable[[], Backbone],
        tasks: Sequence[str],
        views: Views,
        temperature: float = 5.0,
        final_temperature: float = 0.5,
    ) -> None:
        super().__init__(make_backbone, tasks, views)
        self.nodes = nn.ModuleList(make_backbone() for _ in tasks)
        self.first, self.final = temperature, final_temperature
        # A tensor, since a compiled encoder would be compiled anew for each number.
        self.register_buffer("temperature", torch.tensor(temperature), persistent=False)
        levels = [*(stage.name for stage in self.description[1:]), "tasks"]
        # Vectors, not a matrix: weight decay, which spares vectors, would undo choices.
        self.choices = nn.ModuleDict(
            {name: nn.ParameterList(torch.zeros(len(tasks)) for _ in tasks) for name in levels}
        )

    @property
    def feature_stages(self) -> tuple[Stage, ...]:
        """The backbones' own."""
        return self._node(0).run_stages

    def stage_of(self, parameter: str) -> str:
        """The stage in ``nodes.<n>.stages.<stage>.…``."""
        parts = parameter.split(".")
        return parts[3] if parts[0] == "nodes" else "encoder"

    def begin_step(self, progress: float) -> None:
        """Let the temperature fall; see ``Encoder``."""
        self.temperature.fill_(self.first * (self.final / self.first) ** progress)

    def chosen(self, level: str) -> list[Tensor]:
        """For each child (parents,) weights of its parents, with sum 1.

        Args:
            level: a stage whose nodes choose, or ``tasks``.
        """
        return [self._chosen(logits) for logits in self.choices[level].parameters()]

    def _chosen(self, logits: Tensor) -> Tensor:
        if self.training:
            return nn.functional.gumbel_softmax(logits, self.temperature)  # type: ignore[arg-type]
        soft = logits.softmax(0)
        hard = torch.zeros_like(soft).scatter(0, soft.argmax(0, keepdim=True), 1.0)
        # Without a change of value: who asks which losses get to the choices, gets an answer.
        return hard + (soft - soft.detach())

    def forward(self, image: Tensor) -> dict[str, Features]:
        """All nodes stage by stage, then each task's mixture of every stage."""
        choices = [self.chosen(level) for level in self.choices]
        said: list[list[Tensor]] = []
        for place, stage in enumerate(self.description):
            maps = [image] * len(self.tasks)
            if place:
                maps = [weighted(row, said[-1]) for row in choices[place - 1]]
            said.append([self._node(n).run(stage.name, x) for n, x in enumerate(maps)])
        features: dict[str, Features] = {task: {} for task in self.tasks}
        ways = choices[-1]
        for place in reversed(range(len(said))):
            stride = self.description[place].stride
            for task, row in zip(self.tasks, ways, strict=True):
                if stride not in features[task]:
                    features[task][stride] = weighted(row, said[place])
            if place:
                ways = [
                    torch.einsum("p,pq->q", row, torch.stack(choices[place - 1])) for row in ways
                ]
        order = [stage.stride for stage in self.feature_stages]
        return {task: {s: found[s] for s in order} for task, found in features.items()}

    def _node(self, number: int) -> Backbone:
        node = self.nodes[number]
        assert isinstance(node, Backbone)
        return node

    @torch.no_grad()
    def gauges(self) -> dict[str, Tensor]:
        """How sure choices are, and what they are.

        ``sure/<level>``: mean probability of the most likely parent; ``in_common/<task>/<other>``:
        how many stages two tasks share on their most likely ways; ``temperature``.
        """
        logits = {name: torch.stack(list(of.parameters())) for name, of in self.choices.items()}
        sure = {f"sure/{name}": found.softmax(1).amax(1).mean() for name, found in logits.items()}
        parents = [found.argmax(1) for found in logits.values()]
        at = parents[-1]
        ways = [at, *(at := parents[place][at] for place in reversed(range(len(parents) - 1)))]
        stages = torch.stack(ways, 1)  # (tasks, stages)
        common = {
            f"in_common/{self.tasks[a]}/{self.tasks[b]}": (stages[a] == stages[b]).sum()
            for a, b in combinations(range(len(self.tasks)), 2)
        }
        return sure | common | {"temperature": self.temperature}


def weighted(weights: Tensor, maps: Sequence[Tensor]) -> Tensor:
    """(n,) weights of n maps to their sum."""
    terms = [share.to(m.dtype) * m for share, m in zip(weights.unbind(), maps, strict=True)]
    return sum(terms[1:], terms[0])
