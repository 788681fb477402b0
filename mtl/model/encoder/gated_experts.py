"""Several backbones, from which each task takes its own mixture."""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from mtl.model.backbone.base import Backbone, Features
from mtl.model.encoder.experts import ExpertEncoder, mixture
from mtl.model.views.base import Views


class GatedExperts(ExpertEncoder):
    """Experts, and for each task, stride and image a softmax gate over those that it may ask.

    What gates see: ``ExpertEncoder``.

    Args:
        experts: name in the log to the tasks that may ask the expert.
        at: the first stage that each expert has for itself; the stages before it are one stem that
            all share. None: experts are whole backbones.

    Raises:
        UserError: the backbone has no such stage.
    """

    def __init__(
        self,
        make_backbone: Callable[[], Backbone],
        tasks: Sequence[str],
        views: Views,
        experts: Mapping[str, Sequence[str]],
        at: str | None,
    ) -> None:
        super().__init__(make_backbone, tasks, views)
        (parts,) = self.divide(len(experts), "encoder.at", [] if at is None else [at])
        self.experts = nn.ModuleList(parts)
        self.askers = tuple(tuple(who) for who in experts.values())
        self.names = tuple(experts)
        self.gated = tuple(stage.stride for stage in parts[0].feature_stages)
        self.gates = nn.ModuleDict({task: self.make_gate(task) for task in tasks})
        self._mean_gates: dict[str, Tensor] = {}

    def pool(self, task: str) -> list[int]:
        """Which experts a task may ask."""
        return [number for number, who in enumerate(self.askers) if task in who]

    def stage_of(self, parameter: str) -> str:
        """The stage in ``stem.stages.<stage>.…`` or ``experts.<number>.stages.<stage>.…``."""
        parts = parameter.split(".")
        positions = {"stem": 2, "experts": 3}
        return parts[positions[parts[0]]] if parts[0] in positions else "encoder"

    def make_gate(self, task: str) -> nn.Module:
        """What ``weights`` asks for a task's: here the logits of a softmax."""
        return nn.Linear(self.gate_inputs, len(self.gated) * len(self.pool(task)))

    def weights(self, task: str, summary: Tensor) -> Tensor:
        """(B, C) seen by the gates, to (B, strides, experts of the task) with sum 1 over these."""
        logits: Tensor = self.gates[task](summary)
        shape = len(self.gated), len(self.pool(task))
        return torch.unflatten(logits, -1, shape).softmax(-1)

    def forward(self, image: Tensor) -> dict[str, Features]:
        """Stem, all experts, and each task's mixture of what they say."""
        features, x, seen = self.begin(image)
        summary = seen.mean((-2, -1))
        said = [cast(Features, expert(x)) for expert in self.experts]
        return {task: features | self._ask(task, summary, said) for task in self.tasks}

    def _ask(self, task: str, summary: Tensor, said: Sequence[Features]) -> Features:
        weights = self.weights(task, summary)
        if self.training:
            self._mean_gates[task] = weights.detach().mean((0, 1))
        return mixture(weights, self.gated, [said[number] for number in self.pool(task)])

    def gauges(self) -> dict[str, Tensor]:
        """``gate/<task>/<expert>``: mean over images and strides in the last training step."""
        return {
            f"gate/{task}/{self.names[number]}": mean
            for task, means in self._mean_gates.items()
            for number, mean in zip(self.pool(task), means, strict=True)
        }
