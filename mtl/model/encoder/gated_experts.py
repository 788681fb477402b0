"""Several backbones, from which each task takes its own mixture."""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from mtl.model.backbone.base import Backbone, Features, Stage
from mtl.model.encoder.base import Encoder
from mtl.model.encoder.stage_names import check_stages, part
from mtl.model.views.base import Views

GLANCE = 16
"""Channels of the small convolution that the gates see where there is no stem."""


class Glance(nn.Module):
    """A first look at the image: one strided convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, GLANCE, 7, stride=4, padding=3)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, GLANCE, h, w)."""
        return torch.relu(self.conv(image))


class GatedExperts(Encoder):
    """Experts, and for each task, stride and image a softmax gate over those that it may ask.

    The gates see the mean over the picture of the stem's output, which costs nothing; without a
    stem, that of one small convolution of their own on the image. Experts that begin with the same
    pre-trained weights are told apart by their gates alone, which begin at random.

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
        first = make_backbone()
        self._stages = first.description
        self._feature_stages = first.feature_stages
        check_stages("encoder.at", [] if at is None else [at], [s.name for s in self._stages])
        cut = 0 if at is None else [stage.name for stage in self._stages].index(at)
        stem, tail = self._stages[:cut], self._stages[cut:]
        self.stem = part(first, stem) if stem else None
        self.glance = None if stem else Glance()
        wholes = [first, *(make_backbone() for _ in range(len(experts) - 1))]
        self.experts = nn.ModuleList(part(whole, tail) for whole in wholes)
        self.askers = tuple(tuple(who) for who in experts.values())
        self.names = tuple(experts)
        self.gated = tuple(dict.fromkeys(stage.stride for stage in tail))
        inputs = stem[-1].channels if stem else GLANCE
        self.gates = nn.ModuleDict(
            {t: nn.Linear(inputs, len(self.gated) * len(self.pool(t))) for t in tasks}
        )
        self._mean_gates: dict[str, Tensor] = {}

    def pool(self, task: str) -> list[int]:
        """Which experts a task may ask."""
        return [number for number, who in enumerate(self.askers) if task in who]

    @property
    def feature_stages(self) -> tuple[Stage, ...]:
        """A whole backbone's own."""
        return self._feature_stages

    @property
    def description(self) -> tuple[Stage, ...]:
        """A whole backbone's: the stem's stages and an expert's."""
        return self._stages

    def stage_of(self, parameter: str) -> str:
        """The stage in ``stem.stages.<stage>.…`` or ``experts.<number>.stages.<stage>.…``."""
        parts = parameter.split(".")
        positions = {"stem": 2, "experts": 3}
        return parts[positions[parts[0]]] if parts[0] in positions else "encoder"

    def weights(self, task: str, summary: Tensor) -> Tensor:
        """(B, C) seen by the gates, to (B, strides, experts of the task) with sum 1 over these."""
        logits: Tensor = self.gates[task](summary)
        shape = summary.shape[0], len(self.gated), len(self.pool(task))
        return logits.view(shape).softmax(-1)

    def forward(self, image: Tensor) -> dict[str, Features]:
        """Stem, all experts, and each task's mixture of what they say."""
        features: Features = {}
        x = seen = image
        if self.stem is not None:
            features = self.stem(image)
            x = seen = features[self.stem.description[-1].stride]
        elif self.glance is not None:
            seen = self.glance(image)
        summary = seen.mean((-2, -1))
        said = [cast(Features, expert(x)) for expert in self.experts]
        return {task: features | self._ask(task, summary, said) for task in self.tasks}

    def _ask(self, task: str, summary: Tensor, said: Sequence[Features]) -> Features:
        weights = self.weights(task, summary)
        if self.training:
            self._mean_gates[task] = weights.detach().mean((0, 1))
        features: Features = {}
        for stride, gate in zip(self.gated, weights.unbind(1), strict=True):
            maps = [said[number][stride] for number in self.pool(task)]
            terms = [
                share.to(m.dtype).view(-1, 1, 1, 1) * m
                for share, m in zip(gate.unbind(1), maps, strict=True)
            ]
            features[stride] = sum(terms[1:], terms[0])
        return features

    def gauges(self) -> dict[str, Tensor]:
        """``gate/<task>/<expert>``: mean over images and strides in the last training step."""
        return {
            f"gate/{task}/{self.names[number]}": mean
            for task, means in self._mean_gates.items()
            for number, mean in zip(self.pool(task), means, strict=True)
        }
