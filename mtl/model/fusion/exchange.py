"""How tasks exchange features once views and branches have met."""

import math
from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor, nn

from mtl.errors import UserError
from mtl.model.backbone.base import Features, Stage
from mtl.model.narrow import narrow_inputs, narrow_outputs

WIDTH = 64
"""Most channels of queries, keys and values."""


class TaskExchange(nn.Module):
    """Each task keeps its features.

    Args:
        stages: of the features, the same for all tasks.
        tasks: their names, in order.
    """

    def __init__(self, stages: Sequence[Stage], tasks: Sequence[str]) -> None:
        super().__init__()
        self.stages = tuple(stages)
        self.tasks = tuple(tasks)

    def only(self, strides: Collection[int]) -> None:
        """Let go of what belongs to features that no head reads."""
        for part in self.children():
            for levels in part.children():
                for stage in self.stages:
                    if stage.stride not in strides:
                        delattr(levels, str(stage.stride))
        self.stages = tuple(stage for stage in self.stages if stage.stride in strides)

    def narrow(self, kept: Mapping[int, Tensor]) -> None:
        """Take in fewer channels from now on, and give as many.

        Args:
            kept: stride to (k,) int64, the channels that will come in; others were 0, and what they
                become is of no use.
        """

    def forward(self, features: dict[str, Features]) -> dict[str, Features]:
        """Task to features of equal shapes, to the same."""
        return features

    def gauges(self) -> dict[str, Tensor]:
        """How much each task takes from each, by ``tasks/<task>/<other>``."""
        return {}


class ConcatExchange(TaskExchange):
    """Each task adds to its features a 1x1 convolution of all tasks' features concatenated.

    As NDDR layers (Gao et al., 2019) with a skip. The convolutions start at 0, so that at first
    every task has just its own features. Features that several tasks share are read once: where all
    tasks share theirs, it is one 1x1 adapter per task.

    Gauges are the norms of each task's weights on the others, mean over the levels.
    """

    def __init__(self, stages: Sequence[Stage], tasks: Sequence[str]) -> None:
        super().__init__(stages, tasks)
        self.mixers = nn.ModuleDict(
            {
                task: nn.ModuleDict({str(s.stride): self._blocks(s.channels) for s in stages})
                for task in tasks
            }
        )

    def _blocks(self, channels: int) -> nn.ModuleDict:
        """The convolution of all tasks' channels, cut by the task that they come from."""
        blocks = {task: nn.Conv2d(channels, channels, 1, bias=False) for task in self.tasks}
        for block in blocks.values():
            nn.init.zeros_(block.weight)
        return nn.ModuleDict(blocks)

    def narrow(self, kept: Mapping[int, Tensor]) -> None:
        """See ``TaskExchange``."""
        for stride, index in kept.items():
            for task in self.tasks:
                for block in self.mixers[task][str(stride)].values():  # type: ignore[index]
                    narrow_inputs(block, index)
                    narrow_outputs(block, index)

    def forward(self, features: dict[str, Features]) -> dict[str, Features]:
        """See ``TaskExchange``."""
        mixed: dict[str, Features] = {}
        for task, own in features.items():
            sources = {id(own): task}
            for other, found in features.items():
                sources.setdefault(id(found), other)
            mixed[task] = {}
            for stride, maps in own.items():
                blocks = self.mixers[task][str(stride)]  # type: ignore[index]
                read = torch.cat([features[source][stride] for source in sources.values()], 1)
                weight = torch.cat([blocks[source].weight for source in sources.values()], 1)
                mixed[task][stride] = maps + nn.functional.conv2d(read, weight)
        return mixed

    def gauges(self) -> dict[str, Tensor]:
        """See the class."""
        return {
            f"tasks/{task}/{other}": torch.stack(
                [level[other].weight.detach().norm() for level in self.mixers[task].values()]  # type: ignore[operator]
            ).mean()
            for task in self.tasks
            for other in self.tasks
        }


class AttentionExchange(TaskExchange):
    """Each task's features attend to all tasks', cell by cell, and add what they find.

    Queries come from the task, keys and values from every task, all by 1x1 convolutions of the
    task's own (Vaswani et al., 2017, over tasks instead of words), so that tasks which share their
    features still have something to tell each other. What is found passes a 1x1 convolution that
    starts at 0: at first every task has just its own features.

    Gauges are mean attention weights in the last forward.
    """

    def __init__(self, stages: Sequence[Stage], tasks: Sequence[str]) -> None:
        super().__init__(stages, tasks)
        self.query = self._convolutions(outwards=False)
        self.key = self._convolutions(outwards=False)
        self.value = self._convolutions(outwards=False)
        self.out = self._convolutions(outwards=True)
        for parameter in self.out.parameters():
            nn.init.zeros_(parameter)
        self.seen: list[Tensor] = []

    def _convolutions(self, outwards: bool) -> nn.ModuleDict:
        def convolution(channels: int) -> nn.Module:
            width = min(channels, WIDTH)
            ends = (width, channels) if outwards else (channels, width)
            return nn.Conv2d(*ends, 1, bias=False)

        return nn.ModuleDict(
            {
                task: nn.ModuleDict({str(s.stride): convolution(s.channels) for s in self.stages})
                for task in self.tasks
            }
        )

    def narrow(self, kept: Mapping[int, Tensor]) -> None:
        """See ``TaskExchange``."""
        for stride, index in kept.items():
            for task in self.tasks:
                for part in (self.query, self.key, self.value):
                    narrow_inputs(part[task][str(stride)], index)  # type: ignore[index]
                narrow_outputs(self.out[task][str(stride)], index)  # type: ignore[index]

    def forward(self, features: dict[str, Features]) -> dict[str, Features]:
        """See ``TaskExchange``."""
        self.seen = []
        mixed: dict[str, Features] = {task: {} for task in features}
        for stage in self.stages:
            level = {
                t: found[stage.stride] for t, found in features.items() if stage.stride in found
            }
            if not level:
                continue
            queries, keys, values = (
                self._all(part, stage.stride, level) for part in (self.query, self.key, self.value)
            )
            scores = torch.einsum("tbdhw,ubdhw->tubhw", queries, keys)
            weights = (scores.float() / math.sqrt(queries.shape[2])).softmax(1)
            if not torch.compiler.is_compiling():
                self.seen.append(weights.detach().mean((2, 3, 4)))
            found = torch.einsum("tubhw,ubdhw->tbdhw", weights.to(values.dtype), values)
            for task, one in zip(features, found, strict=True):
                out = self.out[task][str(stage.stride)]  # type: ignore[index]
                mixed[task][stage.stride] = level[task] + out(one)
        return mixed

    def _all(self, part: nn.ModuleDict, stride: int, level: dict[str, Tensor]) -> Tensor:
        """(T, B, D, H, W)."""
        found = [part[task][str(stride)](maps) for task, maps in level.items()]  # type: ignore[index]
        return torch.stack(found)

    def gauges(self) -> dict[str, Tensor]:
        """See the class."""
        if not self.seen:
            return {}
        shares = torch.stack(self.seen).mean(0)
        return {
            f"tasks/{task}/{other}": shares[t, u]
            for t, task in enumerate(self.tasks)
            for u, other in enumerate(self.tasks)
        }


KINDS: dict[str, type[TaskExchange]] = {
    "none": TaskExchange,
    "concat": ConcatExchange,
    "attention": AttentionExchange,
}


def make_exchange(kind: str, stages: Sequence[Stage], tasks: Sequence[str]) -> TaskExchange:
    """What ``fusion.exchange`` names; a single task has nobody to exchange with.

    Args:
        kind: ``none``, ``concat`` or ``attention``.
        stages: of the features that the tasks get.
        tasks: their names, in order.

    Raises:
        UserError: no such kind.
    """
    if kind not in KINDS:
        raise UserError(f"fusion.exchange={kind}: must be one of {', '.join(KINDS)}")
    return KINDS[kind if len(tasks) > 1 else "none"](stages, tasks)
