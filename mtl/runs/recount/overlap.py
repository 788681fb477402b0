"""Pixels of each class in each sample."""

import numpy as np

from mtl.runs.recount.base import Columns, Floats, Recount, column
from mtl.runs.recount.content import SampleContent

LEAST = 0.01
"""Share of a sample's pixels from which on a class is said to be in it."""


class OverlapRecount(Recount):
    """Numbers of pixels (n, K): ``hits``, ``predicted`` and ``truth`` of each class.

    For ``miou``, the mean over the classes that occur, and ``pixel_accuracy``.
    """

    metrics = ("miou", "pixel_accuracy")

    def __init__(self, columns: Columns, metric: str, samples: int) -> None:
        super().__init__(columns, metric, samples)
        self.hits, self.predicted, self.truth = (
            column(columns, name, samples).astype(np.float64)
            for name in ("hits", "predicted", "truth")
        )
        self.union = self.predicted + self.truth - self.hits

    def score(self, weights: Floats) -> float:
        """See the class."""
        hits = weights @ self.hits
        if self.metric == "pixel_accuracy":
            pixels = (weights @ self.truth).sum()
            return float(hits.sum() / pixels) if pixels else float("nan")
        union = weights @ self.union
        there = union > 0
        return float((hits[there] / union[there]).mean()) if there.any() else float("nan")

    def quality(self) -> Floats:
        """Each sample's own mean IoU; 1 where nothing is known of it."""
        there = self.union > 0
        iou = np.divide(self.hits, self.union, out=np.zeros_like(self.hits), where=there)
        classes = there.sum(axis=1)
        return np.where(classes > 0, iou.sum(axis=1) / np.maximum(classes, 1), 1.0)

    def contents(self, row: int) -> tuple[SampleContent, SampleContent]:
        """The classes that cover more than a hundredth; not the background, which is class 0."""
        said, true = (self._covering(pixels[row]) for pixels in (self.predicted, self.truth))
        return said, true

    @staticmethod
    def _covering(pixels: Floats) -> SampleContent:
        enough = np.flatnonzero(pixels > LEAST * pixels.sum())
        return SampleContent({index: 1 for index in enough.tolist() if index > 0})
