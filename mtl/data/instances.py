"""Objects with a box, a class and a mask each; of one picture and of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtl.data.batch import BoxBatch
from mtl.data.masks import Crop, Masks
from mtl.data.sample import Boxes


@dataclass
class Instances(Boxes):
    """The objects in one image, with their masks.

    Args:
        xyxy: see ``Boxes``; ``masks.xyxy`` are tight ones.
        labels: see ``Boxes``.
        difficult: see ``Boxes``, such as what COCO calls a crowd.
        within: see ``Boxes``.
        looked_for: see ``Boxes``.
        masks: N of them, each with a pixel.
    """

    masks: Masks = field(kw_only=True)

    @classmethod
    def of(cls, boxes: Boxes, masks: Masks) -> Instances:
        """Boxes with their masks."""
        return cls(
            boxes.xyxy, boxes.labels, boxes.difficult, boxes.within, boxes.looked_for, masks=masks
        )

    def taken(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Self:
        """Some of the objects."""
        return replace(super().taken(rows), masks=self.masks[rows])


@dataclass(frozen=True, kw_only=True)
class InstanceBatch(BoxBatch):
    """Objects of n samples, padded to the longest list; their masks lie in a row, unpadded.

    Args:
        size: (H, W) of the pictures.
        rectangles: (n, M, 4) int64 left, top, width and height of each mask, 0 where padded.
        starts: (n, M) int64, where in ``pixels`` each begins.
        pixels: (P,) bool, the pixels of all rectangles, row by row.
    """

    size: tuple[int, int]
    rectangles: Tensor
    starts: Tensor
    pixels: Tensor

    @classmethod
    def together(cls, values: Sequence[Instances]) -> InstanceBatch:
        """Pad and stack."""
        boxes = BoxBatch.collate([value.boxes for value in values])
        rectangles = np.zeros((*boxes.labels.shape, 4), np.int64)
        for row, value in enumerate(values):
            rectangles[row, : len(value)] = value.masks.rectangles
        ends = (rectangles[..., 2] * rectangles[..., 3]).cumsum().reshape(boxes.labels.shape)
        starts = ends - rectangles[..., 2] * rectangles[..., 3]
        return cls(
            **vars(boxes),
            size=values[0].masks.size,
            rectangles=torch.from_numpy(rectangles),
            starts=torch.from_numpy(starts),
            pixels=torch.from_numpy(np.concatenate([value.masks.flat for value in values])),
        )

    def map(self, change: Callable[[Tensor], Tensor]) -> Self:
        """Every tensor changed."""
        return replace(
            super().map(change),
            rectangles=change(self.rectangles),
            starts=change(self.starts),
            pixels=change(self.pixels),
        )

    def __getitem__(self, rows: Tensor | slice) -> Self:
        chosen = super().map(lambda part: part[rows])
        return replace(chosen, rectangles=self.rectangles[rows], starts=self.starts[rows])

    def at_least_one(self) -> Self:
        """See ``BoxBatch``."""
        found, rows = super().at_least_one(), len(self)
        if self.labels.shape[1]:
            return found
        return replace(
            found,
            rectangles=self.rectangles.new_zeros((rows, 1, 4)),
            starts=self.starts.new_zeros((rows, 1)),
        )

    def masks_of(self, row: int) -> Masks:
        """A sample's masks."""
        kept = self.valid[row]
        rectangles = self.rectangles[row][kept].cpu().numpy()
        crops = []
        for (left, top, wide, high), start in zip(
            rectangles.tolist(), self.starts[row][kept].tolist(), strict=True
        ):
            pixels = self.pixels[start : start + wide * high].cpu().numpy().copy()
            crops.append((left, top, pixels.reshape(high, wide)))
        return Masks(self.size, crops)

    def counted_masks(self, row: int) -> list[Crop]:
        """Those of a sample's objects that are not difficult."""
        difficult = self.difficult[row][self.valid[row]].tolist()
        pairs = zip(self.masks_of(row).crops, difficult, strict=True)
        return [crop for crop, hard in pairs if not hard]

    def shown(self, row: Tensor, place: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Whether masks have the pixels at places in the picture.

        Args:
            row: (K,) int64, of the sample.
            place: (K,) int64, of the object.
            x: (K, ...) pixels from the picture's corner.
            y: likewise.

        Returns:
            (K, ...) bool.
        """
        if not len(self.pixels):
            return torch.zeros_like(x, dtype=torch.bool)
        ones = (1,) * (x.dim() - 1)
        left, top, wide, high = (
            part.view(-1, *ones) for part in self.rectangles[row, place].unbind(-1)
        )
        column, line = x.floor().long() - left, y.floor().long() - top
        inside = (column >= 0) & (column < wide) & (line >= 0) & (line < high)
        where = self.starts[row, place].view(-1, *ones) + line * wide + column
        return self.pixels[where.where(inside, 0)] & inside
