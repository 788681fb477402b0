"""Scores of each class for each sample, against yes or no."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mtl.model.curves.ranking import Ranking, area_under_roc, average_precision
from mtl.runs.recount.base import Columns, Floats, Recount, column
from mtl.runs.recount.content import SampleContent

THRESHOLD = 0.5
"""From which on a score is a yes, as in the multilabel head."""


class ScoreRecount(Recount):
    """``scores`` (n, C) and ``truth`` (n, C): 1, 0, or -1 for unknown.

    For ``map``, ``auroc`` and ``f1``, means over the classes that have one.
    """

    metrics = ("map", "auroc", "f1")

    def __init__(self, columns: Columns, metric: str, samples: int) -> None:
        super().__init__(columns, metric, samples)
        area: dict[str, Callable[[Floats, Floats], float]] = {
            "map": average_precision,
            "auroc": area_under_roc,
        }
        self.area = area.get(metric)
        self.scores = column(columns, "scores", samples).astype(np.float64)
        self.truth = column(columns, "truth", samples).astype(np.int8)
        self.known = self.truth >= 0
        self.said = self.scores >= THRESHOLD
        self.rankings = [
            Ranking(self.scores[known, index], self.truth[known, index] == 1)
            for index, known in enumerate(self.known.T)
        ]

    def score(self, weights: Floats) -> float:
        """See the class."""
        if self.area is None:
            values = self._f1(weights)
        else:
            values = np.array(
                [
                    self.area(*ranking.counts(weights[known]))
                    for ranking, known in zip(self.rankings, self.known.T, strict=True)
                ]
            )
        return float(values[~np.isnan(values)].mean()) if (~np.isnan(values)).any() else np.nan

    def _f1(self, weights: Floats) -> Floats:
        hits = weights @ (self.said & (self.truth == 1))
        wrong = weights @ (self.known & (self.said != (self.truth == 1)))
        whole = 2 * hits + wrong
        found = np.full(len(whole), np.nan)
        np.divide(2 * hits, whole, out=found, where=whole > 0)
        return found

    def right(self) -> npt.NDArray[np.bool_]:
        """Whether every known class was told rightly."""
        right: npt.NDArray[np.bool_] = (~self.known | (self.said == (self.truth == 1))).all(axis=1)
        return right

    def quality(self) -> Floats:
        """1 less the mean distance of the scores from the truth."""
        error = np.where(self.known, np.abs(self.scores - self.truth), 0.0).sum(axis=1)
        quality: Floats = 1 - error / np.maximum(self.known.sum(axis=1), 1)
        return quality

    def contents(self, row: int) -> tuple[SampleContent, SampleContent]:
        """The classes from the threshold on, and those that are there."""
        said, true = (np.flatnonzero(there) for there in (self.said[row], self.truth[row] == 1))
        return SampleContent(dict.fromkeys(said.tolist(), 1)), SampleContent(
            dict.fromkeys(true.tolist(), 1)
        )
