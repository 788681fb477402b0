"""The objects that a detector found, in one image and in several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self, overload

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torchvision.ops import box_iou

from mtl.data.batch import BoxBatch
from mtl.model.head.suppression import kept


@dataclass(frozen=True)
class Detections:
    """The k objects found in one image, best first.

    Args:
        boxes: (k, 4) xyxy pixels.
        scores: (k,) in 0..1, descending.
        labels: (k,) int64 class indices.
    """

    parts: ClassVar[tuple[str, ...]] = ("boxes", "scores", "labels")
    """What there is of each object."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, rows: Tensor | slice) -> Self:
        return replace(self, **{part: getattr(self, part)[rows] for part in self.parts})

    def cpu(self) -> Self:
        """The same in main memory."""
        return replace(self, **{part: getattr(self, part).cpu() for part in self.parts})

    def cut(self, boxes: Tensor) -> Self:
        """The same objects as far as they lie in other boxes of the same picture."""
        return replace(self, boxes=boxes)

    def overlaps(self, truth: BoxBatch, row: int) -> Tensor:
        """(k, M) IoU with an image's objects of the same class, by boxes; 0 with others.

        Args:
            truth: the objects of several images.
            row: which of these.
        """
        iou: Tensor = box_iou(self.boxes.float(), truth.xyxy[row].float())
        return iou * (self.labels[:, None] == truth.labels[row])

    def of_difficult(self, truth: BoxBatch, row: int, least: float) -> Tensor:
        """(k,) bool: whether the best match of a class is a difficult object.

        Args:
            truth: the objects of several images, of which one at least is difficult.
            row: which of these.
            least: IoU of a match.
        """
        best, which = self.overlaps(truth, row).max(dim=1)
        return (best >= least) & truth.difficult[row][which]


@dataclass(frozen=True)
class DetectionBatch(Sequence[Detections]):
    """The ``Detections`` of n images in R places each, so that shapes don't hang on what was found.

    Args:
        boxes: (n, R, 4) xyxy pixels.
        scores: (n, R), descending and above 0 where valid.
        labels: (n, R) int64 class indices.
        valid: (n, R) bool: whether there is an object in this place; those come first.
    """

    single: ClassVar[type[Detections]] = Detections
    """Of one image."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    valid: Tensor

    @classmethod
    def of(cls, found: Sequence[Detections]) -> Self:
        """The same objects in as many places as the image with the most has."""
        if isinstance(found, cls):
            return found
        parts = {
            part: pad_sequence([getattr(one, part) for one in found], batch_first=True)
            for part in cls.single.parts
        }
        scores = parts["scores"]
        places = torch.arange(scores.shape[1], device=scores.device)
        counts = torch.tensor([len(one) for one in found], device=scores.device)
        return cls(**parts, valid=places < counts[:, None])

    @classmethod
    def joined(cls, batches: Sequence[Self]) -> Self:
        """The objects of several detectors in the same images, best first."""
        parts = (*cls.single.parts, "valid")
        joined = {part: torch.cat([getattr(b, part) for b in batches], dim=1) for part in parts}
        return cls(**joined).best_first()

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
        return self.single(**{p: getattr(self, p)[index, :count] for p in self.single.parts})

    def best_first(self, most: int | None = None) -> Self:
        """What is valid in order of its scores, equal ones as they were; then what is not.

        Args:
            most: how many places to keep.
        """
        return self.taken(self.order[:, :most])

    @property
    def order(self) -> Tensor:
        """(n, R) int64: the places, those that are valid first, in order of their scores."""
        scores = self.scores.masked_fill(~self.valid, -1)
        return scores.argsort(dim=1, descending=True, stable=True)

    def taken(self, places: Tensor) -> Self:
        """Other places in another order, (n, k) int64."""
        parts = {p: taken(getattr(self, p), places) for p in (*self.single.parts, "valid")}
        return replace(self, **parts)

    def cut(self, boxes: Tensor) -> Self:
        """See ``Detections``."""
        return replace(self, boxes=boxes)

    def only(self, wanted: Tensor) -> Self:
        """Those of (n, R) bool alone; the places stay."""
        return replace(self, valid=self.valid & wanted)

    def without_empty(self) -> Self:
        """Without boxes that have no area, as those that were clipped away."""
        return self.only((self.boxes[..., 2:] > self.boxes[..., :2]).all(dim=-1)).best_first()

    def kept(self, overlap: float, most: int, classes: int) -> Tensor:
        """See ``mtl.model.head.suppression``; (n, R) bool."""
        found: Tensor = kept(
            self.boxes, self.scores, self.labels, self.valid, overlap, most, classes
        )
        return found

    def suppressed(self, overlap: float, most: int, classes: int) -> Self:
        """Without the boxes that overlap a better one of their class (non-maximum suppression).

        Args:
            overlap: IoU above which two boxes are one object.
            most: how many of an image's best to keep.
            classes: how many there are.
        """
        return self.only(self.kept(overlap, most, classes)).best_first(most)


def taken(rows: Tensor, places: Tensor) -> Tensor:
    """(n, R, ...) at (n, k) int64 places of each row."""
    ones = (1,) * (rows.dim() - 2)
    return rows.gather(1, places.view(*places.shape, *ones).expand(-1, -1, *rows.shape[2:]))
