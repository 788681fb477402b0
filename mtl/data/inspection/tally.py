"""What one target of one split amounts to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np
import numpy.typing as npt

from mtl.data.sample import IGNORE_LABEL, IGNORE_PIXEL, Boxes, Target


@dataclass
class Tally:
    """Running counts of one target.

    Args:
        target: what is counted.
        samples: how many samples have the target.
        missing: ids of those that lack it.
        counts: (C,) int64 by class: samples (``label``, ``labels``), objects (``boxes``) or pixels
            (``mask``).
        ignored: entries or pixels that neither loss nor metrics look at, difficult objects.
        per_image: number of objects of each sample (``boxes``).
        sides: square root of each object's area, in pixels of the original image (``boxes``).
    """

    target: Target
    samples: int = 0
    missing: list[str] = field(default_factory=list)
    counts: npt.NDArray[np.int64] = field(init=False)
    ignored: int = 0
    per_image: list[int] = field(default_factory=list)
    sides: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counts = np.zeros(len(self.target.classes), np.int64)

    def add(self, value: object) -> None:
        """Count one sample's value of this target."""
        self.samples += 1
        if isinstance(value, Boxes):
            self._add_boxes(value)
        elif self.target.kind == "mask":
            pixels = np.bincount(np.asarray(value).ravel(), minlength=256)
            self.counts += pixels[: len(self.counts)]
            self.ignored += int(pixels[IGNORE_PIXEL])
        elif self.target.kind == "labels":
            self.counts += np.asarray(value) == 1
            self.ignored += int((np.asarray(value) == IGNORE_LABEL).sum())
        else:
            self.counts[int(np.asarray(value))] += 1

    def _add_boxes(self, boxes: Boxes) -> None:
        self.counts += np.bincount(boxes.labels, minlength=len(self.counts))
        self.ignored += int(boxes.difficult.sum())
        self.per_image.append(len(boxes))
        width, height = (boxes.xyxy[:, 2:] - boxes.xyxy[:, :2]).T
        self.sides += np.sqrt(width * height).tolist()

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """(C,) parts in 0..1: of the samples for labels, else of all objects or pixels."""
        per_sample = self.target.kind in ("label", "labels")
        whole = self.samples if per_sample else int(self.counts.sum())
        return self.counts / max(1, whole)


def spread(values: Sequence[float]) -> tuple[float, float, float] | None:
    """Smallest, median and largest; None of nothing."""
    return (min(values), median(values), max(values)) if values else None
