"""``fusion=attention``."""

from collections.abc import Collection, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from mtl.model.backbone.base import Features, Stage
from mtl.model.fusion.base import LEAST
from mtl.model.fusion.weighing import Weighing
from mtl.model.narrow import narrow_inputs
from mtl.model.views.base import Views


def scorer(channels: int, hidden: int) -> nn.Module:
    """(B, C, H, W) to a score per cell, (B, 1, H, W); 0 everywhere before the first step."""
    last = nn.Conv2d(hidden, 1, 1, bias=False)
    nn.init.zeros_(last.weight)
    return nn.Sequential(nn.Conv2d(channels, hidden, 1), nn.Tanh(), last)


class Attention(Weighing):
    """A mean of the streams whose weights are learned, cell by cell.

    Each stream's cell gets a score from its features; a softmax over the streams that show the cell
    makes weights of them (as over scales in Chen et al., 2016). It starts as the plain mean.

    Args:
        stages: see ``Fusion``.
        tasks: likewise.
        views: likewise.
        streams: likewise.
        exchange: likewise.
        hidden: width of the layer that scores.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        tasks: Sequence[str],
        views: Views,
        streams: Sequence[int],
        exchange: str,
        hidden: int,
    ) -> None:
        super().__init__(stages, tasks, views, streams, exchange)
        # One stream has nothing to be weighed against.
        scored = stages if len(streams) > 1 else ()
        self.scores = nn.ModuleDict({str(s.stride): scorer(s.channels, hidden) for s in scored})

    def only(self, strides: Collection[int]) -> None:
        """What is not merged needs no scores."""
        super().only(strides)
        for stride in [name for name in self.scores if int(name) not in self.strides]:
            del self.scores[stride]

    def narrow(self, kept: Mapping[int, Tensor]) -> None:
        """See ``Fusion``."""
        super().narrow(kept)
        for stride, score in self.scores.items():
            if int(stride) in kept:
                narrow_inputs(cast(nn.Sequential, score)[0], kept[int(stride)])

    def merge(self, features: Features) -> Features:
        """Weighted mean over the streams, 0 where none shows anything."""
        return {stride: self._level(self.scores[str(stride)], m) for stride, m in features.items()}

    def _level(self, score: nn.Module, maps: Tensor) -> Tensor:
        found, shown = self.shown(maps)
        cover = shown[:, None, None].float()
        scores = score(found.flatten(0, 1)).unflatten(0, found.shape[:2]).float()
        scores = scores + cover.clamp(min=LEAST).log()
        hidden = cover < LEAST
        weights = scores.masked_fill(hidden, torch.finfo(scores.dtype).min).softmax(0)
        weights = weights.masked_fill(hidden, 0.0)
        self.remember(weights.sum((1, 2, 3, 4)) / weights.sum())
        merged: Tensor = (weights.to(found.dtype) * found).sum(0)
        return merged
