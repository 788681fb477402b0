"""``fusion=concat``."""

from dataclasses import replace

import torch
from torch import Tensor

from mtl.model.backbone.base import Features, Stage
from mtl.model.fusion.base import Fusion


class Concat(Fusion):
    """The channels of all S streams, one after the other; 0 where a stream's view shows nothing."""

    @property
    def feature_stages(self) -> tuple[Stage, ...]:
        """S times the channels."""
        return tuple(replace(s, channels=s.channels * len(self.incoming)) for s in self.stages)

    def placed(self, index: Tensor, channels: int) -> Tensor:
        """Once in each stream's block."""
        return torch.cat([index + channels * stream for stream in range(len(self.incoming))])

    def merge(self, features: Features) -> Features:
        """To (B, S·C, H, W)."""
        return {
            stride: self.shown(maps)[0].transpose(0, 1).flatten(1, 2)
            for stride, maps in features.items()
        }
