"""Objects with a box, a class and keypoints each; of one picture and of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtl.data.batch import BoxBatch
from mtl.data.sample import Boxes


@dataclass
class Poses(Boxes):
    """The objects in one image, with their keypoints.

    Args:
        xyxy: see ``Boxes``.
        labels: see ``Boxes``.
        difficult: see ``Boxes``, such as what COCO calls a crowd.
        within: see ``Boxes``.
        looked_for: see ``Boxes``.
        points: (N, K, 3) float32 x, y and visibility, see ``KeypointsKind``. Of an object whose
            pose nobody knows all are unknown.
    """

    points: npt.NDArray[np.float32] = field(kw_only=True)

    @classmethod
    def of(cls, boxes: Boxes, points: npt.NDArray[np.float32]) -> Poses:
        """Boxes with their keypoints."""
        return cls(**vars(boxes), points=points)

    def taken(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Self:
        """Some of the objects."""
        return replace(super().taken(rows), points=self.points[rows])


@dataclass(frozen=True, kw_only=True)
class PoseBatch(BoxBatch):
    """Objects of n samples, padded to the longest list.

    Args:
        points: (n, M, K, 3) float32, 0 where padded.
    """

    points: Tensor

    @classmethod
    def together(cls, values: Sequence[Poses]) -> PoseBatch:
        """Pad and stack."""
        boxes = BoxBatch.collate([value.boxes for value in values])
        points = np.zeros((*boxes.labels.shape, *values[0].points.shape[1:]), np.float32)
        for row, value in enumerate(values):
            points[row, : len(value)] = value.points
        return cls(**vars(boxes), points=torch.from_numpy(points))

    @property
    def counted(self) -> Tensor:
        """(n, M) bool: those that are not difficult and of which a keypoint is known."""
        return super().counted & (self.points[..., 2] > 0).any(-1)

    def map(self, change: Callable[[Tensor], Tensor]) -> Self:
        """Every tensor changed."""
        return replace(super().map(change), points=change(self.points))

    def at_least_one(self) -> Self:
        """See ``BoxBatch``."""
        if self.labels.shape[1]:
            return self
        shape = (len(self), 1, *self.points.shape[2:])
        return replace(super().at_least_one(), points=self.points.new_zeros(shape))
