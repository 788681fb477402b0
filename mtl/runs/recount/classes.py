"""One class per sample."""

import numpy as np
import numpy.typing as npt

from mtl.runs.recount.base import Columns, Floats, Recount, column, mean
from mtl.runs.recount.content import SampleContent


class ClassRecount(Recount):
    """Classes: ``predicted`` (n,), ``truth`` (n,) and ``of_truth`` (n,), the truth's probability.

    For ``accuracy`` and ``balanced_accuracy``.
    """

    metrics = ("accuracy", "balanced_accuracy")

    def __init__(self, columns: Columns, metric: str, samples: int) -> None:
        super().__init__(columns, metric, samples)
        self.truth = column(columns, "truth", samples).astype(np.int64)
        self.said = column(columns, "predicted", samples).astype(np.int64)
        self.hit: npt.NDArray[np.bool_] = self.said == self.truth
        self.of_truth = column(columns, "of_truth", samples).astype(np.float64)

    def score(self, weights: Floats) -> float:
        """The share of right ones, or the mean of that over the classes that occur."""
        if self.metric == "accuracy":
            return mean(self.hit.astype(np.float64), weights)
        there = np.bincount(self.truth, weights)
        hits = np.bincount(self.truth, weights * self.hit)
        known = there > 0
        return float((hits[known] / there[known]).mean()) if known.any() else float("nan")

    def right(self) -> npt.NDArray[np.bool_]:
        """Whether the likeliest class is the true one."""
        return self.hit

    def quality(self) -> Floats:
        """The probability that was given to the truth."""
        return self.of_truth

    def contents(self, row: int) -> tuple[SampleContent, SampleContent]:
        """The two classes."""
        return SampleContent({int(self.said[row]): 1}), SampleContent({int(self.truth[row]): 1})
