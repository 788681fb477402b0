"""Numbers of each sample."""

import numpy as np

from mtl.model.curves.explained import explained, nanmean
from mtl.runs.recount.base import Columns, Floats, Recount, column


class NumberRecount(Recount):
    """``said`` (n, K) and ``truth`` (n, K), NaN for unknown; for ``r2``, the mean over numbers."""

    metrics = ("r2",)

    def __init__(self, columns: Columns, metric: str, samples: int) -> None:
        super().__init__(columns, metric, samples)
        self.said = column(columns, "said", samples).astype(np.float64)
        self.truth = column(columns, "truth", samples).astype(np.float64)

    def score(self, weights: Floats) -> float:
        """See the class."""
        return nanmean(explained(self.said, self.truth, weights))

    def quality(self) -> Floats:
        """1 / (1 + error), in standard deviations of the truth and as a mean over the numbers.

        1 where nothing is known of a sample.
        """
        known = ~np.isnan(self.truth)
        count = np.maximum(known.sum(0), 1)
        mean = np.where(known, self.truth, 0).sum(0) / count
        std = np.sqrt((np.where(known, self.truth - mean, 0) ** 2).sum(0) / count)
        error = np.abs(self.said - self.truth) / np.where(std > 0, std, 1)
        means = np.where(known, error, 0).sum(1) / np.maximum(known.sum(1), 1)
        quality: Floats = 1 / (1 + means)
        return quality
