"""The objects that a detector found in one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import batched_nms


@dataclass(frozen=True)
class Detections:
    """The k objects found in one image, best first.

    Args:
        boxes: (k, 4) xyxy pixels.
        scores: (k,) in 0..1, descending.
        labels: (k,) int64 class indices.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, rows: Tensor | slice) -> Detections:
        return Detections(self.boxes[rows], self.scores[rows], self.labels[rows])

    def cpu(self) -> Detections:
        """The same in main memory."""
        return Detections(self.boxes.cpu(), self.scores.cpu(), self.labels.cpu())

    def suppressed(self, overlap: float, most: int) -> Detections:
        """Without the boxes that overlap a better one of their class (non-maximum suppression).

        Args:
            overlap: IoU above which two boxes are one object.
            most: how many of the best to keep.
        """
        return self[batched_nms(self.boxes, self.scores, self.labels, overlap)[:most]]


def joined(found: Sequence[Detections]) -> Detections:
    """All of several lists in one, in their order and not by score.

    Args:
        found: at least one.
    """
    return Detections(
        torch.cat([d.boxes for d in found]),
        torch.cat([d.scores for d in found]),
        torch.cat([d.labels for d in found]),
    )
