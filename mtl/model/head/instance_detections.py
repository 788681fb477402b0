"""Objects that were found with their masks, in one image and in several.

A mask is G by G probabilities at the centres of as many cells of the object's box, so that it takes
the same room whatever the object's size, and goes wherever the box goes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mtl.data.batch import BoxBatch
from mtl.data.instances import InstanceBatch
from mtl.data.masks import Crop
from mtl.model.head.detections import DetectionBatch, Detections
from mtl.model.head.mask_overlaps import mask_overlaps


@dataclass(frozen=True)
class InstanceDetections(Detections):
    """The k objects found in one image, best first.

    Args:
        boxes: see ``Detections``.
        scores: see ``Detections``.
        labels: see ``Detections``.
        masks: (k, G, G) probabilities, rows from the box's upper to its lower side.
        size: (H, W) of the picture in whose pixels the boxes are; None for the network's.
    """

    parts: ClassVar[tuple[str, ...]] = (*Detections.parts, "masks")

    masks: Tensor
    size: tuple[int, int] | None = None

    def cut(self, boxes: Tensor) -> Self:
        """See ``Detections``."""
        return replace(self, boxes=boxes, masks=in_boxes(self.masks, self.boxes, boxes))

    def overlaps(self, truth: BoxBatch, row: int) -> Tensor:
        """See ``Detections``; by masks."""
        return self._overlaps(truth, row, crowd=False)

    def of_difficult(self, truth: BoxBatch, row: int, least: float) -> Tensor:
        """See ``Detections``; as COCO has it of crowds, whose masks hold many objects.

        What matches no other object is difficult where so much of it lies in a difficult one.
        """
        matched = self.overlaps(truth, row).masked_fill(truth.difficult[row], 0).amax(1)
        inside = self._overlaps(truth, row, crowd=True).masked_fill(~truth.difficult[row], 0)
        return (matched < least) & (inside.amax(1) >= least)

    def _overlaps(self, truth: BoxBatch, row: int, crowd: bool) -> Tensor:
        assert isinstance(truth, InstanceBatch)
        own = truth.masks_of(row).crops
        values = mask_overlaps(self.crops(truth.size), own, truth.size, crowd)
        same = self.labels[:, None] == truth.labels[row]
        found = torch.zeros(same.shape, device=same.device)
        found[:, truth.valid[row]] = torch.from_numpy(values).to(found)
        return found * same

    def crops(self, size: tuple[int, int]) -> list[Crop]:
        """The pixels whose centres are more likely the object's than not.

        Args:
            size: (H, W) of the picture in whose pixels the boxes are.
        """
        return [
            _crop(mask, box, size)
            for mask, box in zip(self.masks.cpu().float(), self.boxes.cpu().float(), strict=True)
        ]


@dataclass(frozen=True)
class InstanceDetectionBatch(DetectionBatch):
    """The ``InstanceDetections`` of n images in R places each.

    Args:
        boxes: see ``DetectionBatch``.
        scores: see ``DetectionBatch``.
        labels: see ``DetectionBatch``.
        valid: see ``DetectionBatch``.
        masks: (n, R, G, G) probabilities.
    """

    single: ClassVar[type[Detections]] = InstanceDetections

    masks: Tensor

    def cut(self, boxes: Tensor) -> Self:
        """See ``Detections``."""
        return replace(self, boxes=boxes, masks=in_boxes(self.masks, self.boxes, boxes))


def cells(boxes: Tensor, grid: int) -> Tensor:
    """The centres of ``grid`` by ``grid`` cells of boxes.

    Args:
        boxes: (..., 4) xyxy pixels.
        grid: G.

    Returns:
        (..., G * G, 2) x and y, row by row.
    """
    steps = (torch.arange(grid, dtype=boxes.dtype, device=boxes.device) + 0.5) / grid
    down, across = torch.meshgrid(steps, steps, indexing="ij")
    shares = torch.stack([across.flatten(), down.flatten()], -1)
    start, sides = boxes[..., None, :2], (boxes[..., 2:] - boxes[..., :2])[..., None, :]
    return start + shares * sides


def at_places(masks: Tensor, boxes: Tensor, places: Tensor) -> Tensor:
    """Masks between their cells' centres, bilinearly; 0 outside of their boxes.

    Args:
        masks: (..., G, G).
        boxes: (..., 4) xyxy, of the masks.
        places: (..., Q, 2) x and y in the pixels of the boxes.

    Returns:
        (..., Q).
    """
    start, sides = boxes[..., None, :2], (boxes[..., 2:] - boxes[..., :2])[..., None, :]
    shares = 2 * (places - start) / sides.clamp(min=1e-6) - 1
    grid = masks.shape[-1]
    found = F.grid_sample(
        masks.reshape(-1, 1, grid, grid),
        shares.reshape(-1, 1, places.shape[-2], 2),
        padding_mode="border",
        align_corners=False,
    ).reshape(places.shape[:-1])
    return found * (shares.abs() <= 1 + 1e-4).all(-1)


def in_boxes(masks: Tensor, boxes: Tensor, others: Tensor) -> Tensor:
    """Masks as they look in other boxes of the same picture."""
    grid = masks.shape[-1]
    return at_places(masks, boxes, cells(others, grid)).reshape(masks.shape)


def _crop(mask: Tensor, box: Tensor, size: tuple[int, int]) -> Crop:
    x1, y1, x2, y2 = box.tolist()
    left, top = max(0, math.floor(x1)), max(0, math.floor(y1))
    right, bottom = min(size[1], math.ceil(x2)), min(size[0], math.ceil(y2))
    if right <= left or bottom <= top:
        return 0, 0, np.zeros((0, 0), np.bool_)
    y, x = torch.meshgrid(
        torch.arange(top, bottom, dtype=box.dtype) + 0.5,
        torch.arange(left, right, dtype=box.dtype) + 0.5,
        indexing="ij",
    )
    places = torch.stack([x.flatten(), y.flatten()], -1)
    shown = at_places(mask, box, places).view(bottom - top, right - left) > 0.5
    return left, top, shown.numpy()
