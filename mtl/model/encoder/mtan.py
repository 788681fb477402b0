"""``encoder=mtan``."""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from mtl.model.backbone.base import Backbone, Features, Stage
from mtl.model.encoder.base import Encoder
from mtl.model.views.base import Views


def _handover(before: Stage, stage: Stage) -> nn.Sequential:
    """From a task's map at one stage to channels and size of the next."""
    pool = nn.MaxPool2d(stage.stride // before.stride, ceil_mode=True)
    conv = nn.Conv2d(before.channels, stage.channels, 3, padding=1, bias=False)
    return nn.Sequential(pool, conv, nn.BatchNorm2d(stage.channels), nn.ReLU(inplace=True))


def _mask(inputs: int, channels: int, reduction: int) -> nn.Sequential:
    middle = max(1, channels // reduction)
    return nn.Sequential(
        nn.Conv2d(inputs, middle, 1, bias=False),
        nn.BatchNorm2d(middle),
        nn.ReLU(inplace=True),
        nn.Conv2d(middle, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.Sigmoid(),
    )


class MTAN(Encoder):
    """Multi-task attention network (Liu et al., 2019).

    One shared backbone. At each of its resolutions every task has an attention module, which looks
    at the shared map and at what the task made of the one before, and gives a mask in 0..1 per
    cell and channel; the task's map is mask times shared map. As in the paper what is handed from
    one resolution to the next passes a 3x3 convolution that the tasks share.

    It differs from the paper where a chain of stages says less than a VGG or ResNet: the mask is
    made from the map that it is laid on, not from one inside the stage, and maps are pooled before
    the 3x3 convolution instead of after it, at a quarter of the cost.

    Args:
        reduction: the channels inside an attention module are those of the map divided by this.
    """

    def __init__(
        self,
        make_backbone: Callable[[], Backbone],
        tasks: Sequence[str],
        views: Views,
        reduction: int = 4,
    ) -> None:
        super().__init__(make_backbone, tasks, views)
        self.backbone = make_backbone()
        self.handovers = nn.ModuleDict()
        self.attention = nn.ModuleDict()
        before: Stage | None = None
        for stage in self.feature_stages:
            inputs = stage.channels
            if before is not None:
                self.handovers[stage.name] = _handover(before, stage)
                inputs *= 2
            masks = {task: _mask(inputs, stage.channels, reduction) for task in tasks}
            self.attention[stage.name] = nn.ModuleDict(masks)
            before = stage
        self._mean_masks: dict[str, Tensor] = {}

    @property
    def feature_stages(self) -> tuple[Stage, ...]:
        """The backbone's own."""
        return self.backbone.feature_stages

    def stage_of(self, parameter: str) -> str:
        """The stage in ``backbone.stages.<stage>.…``."""
        parts = parameter.split(".")
        return parts[2] if parts[0] == "backbone" else "encoder"

    def forward(self, image: Tensor) -> dict[str, Features]:
        """One pass of the backbone, and the tasks' attention to what comes out of it."""
        shared: Features = self.backbone(image)
        return {task: self._attend(task, shared) for task in self.tasks}

    def _attend(self, task: str, shared: Features) -> Features:
        features: Features = {}
        own: Tensor | None = None
        for stage in self.feature_stages:
            seen = shared[stage.stride]
            looked_at = seen
            if own is not None:
                h, w = seen.shape[-2:]
                # Backbones that drop what doesn't fill a stride have one row less than the pool.
                handed_over = self.handovers[stage.name](own)[..., :h, :w]
                looked_at = torch.cat([seen, handed_over], 1)
            mask = cast(nn.ModuleDict, self.attention[stage.name])[task](looked_at)
            own = features[stage.stride] = mask * seen
        if self.training:
            self._mean_masks[task] = mask.detach().mean()
        return features

    def gauges(self) -> dict[str, Tensor]:
        """``mask/<task>``: mean of the coarsest mask in the last training step."""
        return {f"mask/{task}": mean for task, mean in self._mean_masks.items()}
