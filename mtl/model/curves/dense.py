"""What the best constant answer would come to in tasks that say numbers of every pixel."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from mtl.data.batch import Labelled
from mtl.model.curves.base import Curves, HeadCurves
from mtl.model.curves.chance import of_depths, of_normals
from mtl.model.head.scores import quietly

STEP = math.log(1.25) / 40
"""Of the logarithms of depths, that are counted."""
LEAST, MOST = 1e-3, 1e5
SIDE = 40
"""Cells along each axis of a cube around all directions; one spans at most 3 degrees."""


class _Counts(Metric):
    """How often each of the numbers 0 .. length - 1 came."""

    full_state_update = False
    counts: Tensor

    def __init__(self, length: int) -> None:
        super().__init__()
        self.add_state("counts", torch.zeros(length, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, places: Tensor) -> None:
        self.counts = self.counts + torch.bincount(places, minlength=len(self.counts))

    def compute(self) -> Tensor:
        return self.counts


class DepthCurves(HeadCurves):
    """The chance level of ``delta1``.

    Args:
        close: the factor that it allows.
    """

    def __init__(self, close: float) -> None:
        super().__init__()
        self.close = close
        self.kept = _Counts(math.ceil(math.log(MOST / LEAST) / STEP))

    def update(self, prediction: Tensor, labels: Labelled) -> None:
        """Count the true depths."""
        assert isinstance(labels.value, Tensor)
        known = labels.value[~labels.value.isnan()].clamp(LEAST, MOST)
        places = ((known / LEAST).log() / STEP).long()
        self.kept.update(places.clamp(max=len(self.kept.counts) - 1))

    def compute(self) -> Curves:
        """See the class."""
        counts = quietly(self.kept).cpu().numpy()
        if not counts.any():
            return {}
        return {"chance": of_depths(counts, round(math.log(self.close) / STEP))}

    def reset(self) -> None:
        """Forget everything."""
        self.kept.reset()


class NormalsCurves(HeadCurves):
    """The chance levels of the shares of normals that are right to so many degrees.

    Args:
        within: metric to degrees.
    """

    def __init__(self, within: Mapping[str, float]) -> None:
        super().__init__()
        self.within = dict(within)
        self.kept = _Counts(SIDE**3)

    def update(self, prediction: Tensor, labels: Labelled) -> None:
        """Count the true directions."""
        assert isinstance(labels.value, Tensor)
        vectors = labels.value[~labels.value.isnan().any(-1)]
        x, y, z = ((vectors + 1) * (SIDE / 2)).long().clamp_(0, SIDE - 1).unbind(-1)
        self.kept.update((x * SIDE + y) * SIDE + z)

    def compute(self) -> Curves:
        """See the class."""
        counts = quietly(self.kept).cpu().numpy()
        if not counts.any():
            return {}
        cells = np.stack(np.unravel_index(np.flatnonzero(counts), (SIDE,) * 3), -1)
        centres = (cells.astype(np.float64) + 0.5) * (2 / SIDE) - 1
        return {"chance": of_normals(counts[counts > 0], centres, self.within)}

    def reset(self) -> None:
        """Forget everything."""
        self.kept.reset()
