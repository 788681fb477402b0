"""``fusion=max``."""

import torch

from mtl.model.backbone.base import Features
from mtl.model.fusion.base import LEAST, Fusion


class Max(Fusion):
    """The largest value of the streams, at each cell over those that show it; 0 where none does."""

    @property
    def symmetric(self) -> bool:
        """A maximum has no order."""
        return True

    def merge(self, features: Features) -> Features:
        """Maximum over the streams."""
        merged: Features = {}
        for stride, maps in features.items():
            found, cover = self.shown(maps)
            hidden = (cover < LEAST)[:, None, None]
            largest = found.masked_fill(hidden, -torch.inf).amax(0)
            merged[stride] = largest.masked_fill(hidden.all(0), 0.0)
        return merged
