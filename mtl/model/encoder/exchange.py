"""One backbone per task, whose maps are mixed between stages."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from mtl.model.backbone.base import Backbone, Features, Stage
from mtl.model.encoder.base import Encoder
from mtl.model.encoder.stage_names import check_stages
from mtl.model.views.base import Views


class Mix(nn.Module):
    """Makes one task's next map out of all tasks' maps."""

    @abstractmethod
    def forward(self, maps: Mapping[str, Tensor]) -> Tensor:
        """Task to (B, C, h, w), to the new (B, C, h, w)."""

    @abstractmethod
    def own_weight(self) -> Tensor:
        """Scalar: the mean over channels of the weight on the task's own map."""


class ExchangeEncoder(Encoder):
    """One backbone per task; after some stages each task goes on with a mixture of all maps.

    What is handed out is the mixture too, where the stage has one.

    Subclasses say what a mixture is in ``make_mix`` and add their own options before calling this.

    Args:
        stages: names of the stages that are mixed; None: every one.
        own: share of the task's own map at the start, 0..1; the other tasks share the rest
            equally. A task that is alone has all.

    Raises:
        UserError: the backbone has no such stage.
    """

    def __init__(
        self,
        make_backbone: Callable[[], Backbone],
        tasks: Sequence[str],
        views: Views,
        stages: Sequence[str] | None,
        own: float,
    ) -> None:
        super().__init__(make_backbone, tasks, views)
        self.backbones = nn.ModuleDict({task: make_backbone() for task in tasks})
        order = [stage.name for stage in self.description]
        mixed = order if stages is None else stages
        check_stages("encoder.stages", mixed, [s.name for s in self.description])
        self.last = max((order.index(name) for name in mixed), default=-1)
        self.positions = {name: number for number, name in enumerate(order)}
        self.mixing = nn.ModuleDict()
        for stage in self.description:
            if stage.name in mixed:
                self.mixing[stage.name] = nn.ModuleDict(
                    {t: self.make_mix(t, stage.channels, self.shares(t, own)) for t in tasks}
                )

    @abstractmethod
    def make_mix(self, task: str, channels: int, shares: Mapping[str, float]) -> Mix:
        """A task's mixture of maps with so many channels, which starts with these shares."""

    def shares(self, task: str, own: float) -> dict[str, float]:
        """Task to its share of a task's map at the start; they sum to 1."""
        others = len(self.tasks) - 1
        if others == 0:
            return {task: 1.0}
        return {t: own if t == task else (1 - own) / others for t in self.tasks}

    @property
    def feature_stages(self) -> tuple[Stage, ...]:
        """The backbones' own."""
        return self._backbone(self.tasks[0]).run_stages

    def stage_of(self, parameter: str) -> str:
        """The stage in ``backbones.<task>.stages.<stage>.…``."""
        parts = parameter.split(".")
        return parts[3] if parts[0] == "backbones" else "encoder"

    def forward(self, image: Tensor) -> dict[str, Features]:
        """Walk all backbones stage by stage."""
        maps = dict.fromkeys(self.tasks, image)
        features: dict[str, Features] = {task: {} for task in self.tasks}
        for stage in self.description:
            maps = {t: self._backbone(t).run(stage.name, m) for t, m in maps.items()}
            if stage.name in self.mixing:
                mixes = cast(nn.ModuleDict, self.mixing[stage.name])
                maps = {task: mixes[task](maps) for task in self.tasks}
            for task in self.tasks:
                features[task][stage.stride] = maps[task]
        return features

    @torch.no_grad()
    def gauges(self) -> dict[str, Tensor]:
        """``own/<stage>``: weight on a task's own map, mean over tasks and channels."""
        found: dict[str, Tensor] = {}
        for stage, mixes in self.mixing.items():
            weights = [cast(Mix, m).own_weight() for m in cast(nn.ModuleDict, mixes).values()]
            found[f"own/{stage}"] = torch.stack(weights).mean()
        return found

    def _backbone(self, task: str) -> Backbone:
        return cast(Backbone, self.backbones[task])
