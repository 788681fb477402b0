"""Metrics that are means over the known pixels of all samples together."""

import numpy as np

from mtl.runs.recount.base import Columns, Floats, Recount, column


class PixelMeanRecount(Recount):
    """Of each sample (n,) the metric's ``total`` over its ``known`` pixels, and how many are
    ``good``."""

    def __init__(self, columns: Columns, metric: str, samples: int) -> None:
        super().__init__(columns, metric, samples)
        self.total, self.known, self.good = (
            column(columns, name, samples).astype(np.float64) for name in ("total", "known", "good")
        )

    def score(self, weights: Floats) -> float:
        """The mean over the pixels."""
        known = weights @ self.known
        return float(weights @ self.total / known) if known else float("nan")

    def quality(self) -> Floats:
        """The share of good pixels; 1 where nothing is known of a sample."""
        shares = np.ones_like(self.good)
        return np.divide(self.good, self.known, out=shares, where=self.known > 0)
