"""The objects that a detector found, in one image and in several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import overload

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mtl.model.head.suppression import kept


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


@dataclass(frozen=True)
class DetectionBatch(Sequence[Detections]):
    """The ``Detections`` of n images in R places each, so that shapes don't hang on what was found.

    Args:
        boxes: (n, R, 4) xyxy pixels.
        scores: (n, R), descending and above 0 where valid.
        labels: (n, R) int64 class indices.
        valid: (n, R) bool: whether there is an object in this place; those come first.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    valid: Tensor

    @classmethod
    def of(cls, found: Sequence[Detections]) -> DetectionBatch:
        """The same objects in as many places as the image with the most has."""
        if isinstance(found, DetectionBatch):
            return found
        boxes, scores, labels = (
            pad_sequence([getattr(one, part) for one in found], batch_first=True)
            for part in ("boxes", "scores", "labels")
        )
        places = torch.arange(scores.shape[1], device=scores.device)
        counts = torch.tensor([len(one) for one in found], device=scores.device)
        return cls(boxes, scores, labels, places < counts[:, None])

    @classmethod
    def joined(cls, batches: Sequence[DetectionBatch]) -> DetectionBatch:
        """The objects of several detectors in the same images, best first."""
        parts = ("boxes", "scores", "labels", "valid")
        whole = cls(*(torch.cat([getattr(b, part) for b in batches], dim=1) for part in parts))
        return whole.best_first()

    @cached_property
    def counts(self) -> list[int]:
        """How many objects each image has."""
        found: list[int] = self.valid.sum(dim=1).tolist()
        return found

    def __len__(self) -> int:
        return len(self.scores)

    @overload
    def __getitem__(self, index: int) -> Detections: ...
    @overload
    def __getitem__(self, index: slice) -> list[Detections]: ...
    def __getitem__(self, index: int | slice) -> Detections | list[Detections]:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        count = self.counts[index]
        return Detections(
            self.boxes[index, :count], self.scores[index, :count], self.labels[index, :count]
        )

    def best_first(self, most: int | None = None) -> DetectionBatch:
        """What is valid in order of its scores, equal ones as they were; then what is not.

        Args:
            most: how many places to keep.
        """
        order = self.scores.masked_fill(~self.valid, -1).argsort(
            dim=1, descending=True, stable=True
        )
        return self.taken(order[:, :most])

    def taken(self, places: Tensor) -> DetectionBatch:
        """Other places in another order, (n, k) int64."""
        return DetectionBatch(
            self.boxes.gather(1, places[..., None].expand(-1, -1, 4)),
            *(part.gather(1, places) for part in (self.scores, self.labels, self.valid)),
        )

    def only(self, wanted: Tensor) -> DetectionBatch:
        """Those of (n, R) bool alone; the places stay."""
        return replace(self, valid=self.valid & wanted)

    def without_empty(self) -> DetectionBatch:
        """Without boxes that have no area, as those that were clipped away."""
        return self.only((self.boxes[..., 2:] > self.boxes[..., :2]).all(dim=-1)).best_first()

    def kept(self, overlap: float, most: int, classes: int) -> Tensor:
        """See ``mtl.model.head.suppression``; (n, R) bool."""
        found: Tensor = kept(
            self.boxes, self.scores, self.labels, self.valid, overlap, most, classes
        )
        return found

    def suppressed(self, overlap: float, most: int, classes: int) -> DetectionBatch:
        """Without the boxes that overlap a better one of their class (non-maximum suppression).

        Args:
            overlap: IoU above which two boxes are one object.
            most: how many of an image's best to keep.
            classes: how many there are.
        """
        return self.only(self.kept(overlap, most, classes)).best_first(most)
