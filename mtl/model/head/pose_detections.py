"""Objects that were found with their keypoints, in one image and in several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from mtl.data.batch import BoxBatch
from mtl.model.head.detections import DetectionBatch, Detections


@dataclass(frozen=True)
class PoseDetections(Detections):
    """The k objects found in one image, best first.

    Args:
        boxes: see ``Detections``.
        scores: see ``Detections``.
        labels: see ``Detections``.
        points: (k, K, 3) x and y in pixels, and how likely the keypoint is visible, not hidden.
    """

    parts: ClassVar[tuple[str, ...]] = (*Detections.parts, "points")

    points: Tensor

    def of_difficult(self, truth: BoxBatch, row: int, least: float) -> Tensor:
        """See ``Detections``; as COCO has it of crowds and of objects whose pose nobody knows.

        Whose box is of no other object is of such a one if so much of its pose lies in that one's
        box or less than a width or height beside it.
        """
        counted = truth.counted[row]
        rest = truth.valid[row] & ~counted & (self.labels[:, None] == truth.labels[row])
        matched = self.overlaps(truth, row).masked_fill(~counted, 0).amax(1)
        low, high = truth.xyxy[row, :, :2], truth.xyxy[row, :, 2:]
        places, sides = self.points[:, None, :, :2], high - low
        inside = (places >= (low - sides)[:, None]) & (places <= (high + sides)[:, None])
        share = inside.all(-1).float().mean(-1).masked_fill(~rest, 0)
        return (matched < least) & (share.amax(1) >= least)


@dataclass(frozen=True)
class PoseDetectionBatch(DetectionBatch):
    """The ``PoseDetections`` of n images in R places each.

    Args:
        boxes: see ``DetectionBatch``.
        scores: see ``DetectionBatch``.
        labels: see ``DetectionBatch``.
        valid: see ``DetectionBatch``.
        points: (n, R, K, 3).
    """

    single: ClassVar[type[Detections]] = PoseDetections

    points: Tensor
