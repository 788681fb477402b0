"""``fusion=mean``."""

from functools import reduce

import torch

from mtl.model.backbone.base import Features
from mtl.model.fusion.base import LEAST, Fusion


class MeanFusion(Fusion):
    """The mean of the streams, at each cell over those that show it; 0 where none does.

    A stream that shows a part of a cell counts by that part.
    """

    @property
    def symmetric(self) -> bool:
        """A mean has no order."""
        return True

    def merge(self, features: Features) -> Features:
        """Sum of the values over sum of the coverages."""
        merged: Features = {}
        for stride, maps in features.items():
            values, cover = self.back(maps)
            # Not values.sum(0), which is several times slower over channels-last maps.
            total = reduce(torch.add, values.unbind(0))
            merged[stride] = total / cover.sum(0).clamp(min=LEAST)
        return merged
