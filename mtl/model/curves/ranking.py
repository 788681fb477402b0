"""Candidates from the highest score down: what ROC, precision-recall and their areas are made of.

numpy only, so that runs are read and compared without torch.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Ranking:
    """Scored candidates, of which some are right, sorted once.

    Args:
        scores: (n,) numbers, NaN nowhere.
        positive: (n,) bool, whether a candidate is right.

    Attributes:
        thresholds: (t,) the t different scores, descending.
    """

    def __init__(self, scores: npt.ArrayLike, positive: npt.ArrayLike) -> None:
        values = np.asarray(scores, np.float64)
        self.order = np.argsort(-values, kind="stable")
        self.positive = np.asarray(positive, bool)[self.order]
        values = values[self.order]
        # Equal scores pass the threshold together.
        self.ends = np.flatnonzero(np.append(np.diff(values) != 0, np.ones(min(1, len(values)))))
        self.thresholds = values[self.ends]

    def counts(self, weights: npt.ArrayLike | None = None) -> tuple[Floats, Floats]:
        """How many right and how many wrong candidates reach each threshold.

        Args:
            weights: (n,) how often each candidate counts, as it was given; None for once.

        Returns:
            (t,) true and (t,) false positives, not falling.
        """
        each = np.ones(len(self.order)) if weights is None else np.asarray(weights, np.float64)
        each = each[self.order]
        right = np.cumsum(np.where(self.positive, each, 0.0))[self.ends]
        wrong = np.cumsum(np.where(self.positive, 0.0, each))[self.ends]
        return right, wrong


def area_under_roc(right: Floats, wrong: Floats) -> float:
    """The share of pairs of a right and a wrong one in which the right one scores higher.

    Ties count half (Fawcett, 2006). NaN without either.

    Args:
        right: (t,) as ``Ranking.counts`` returns them.
        wrong: likewise.
    """
    if len(right) == 0 or right[-1] == 0 or wrong[-1] == 0:
        return float("nan")
    heights = np.concatenate([[0.0], right])
    widths = np.diff(wrong, prepend=0.0)
    return float((widths * (heights[1:] + heights[:-1]) / 2).sum() / (right[-1] * wrong[-1]))


def average_precision(right: Floats, wrong: Floats) -> float:
    """Σ (recall's step) · precision, without interpolation. NaN without a right one.

    Args:
        right: (t,) as ``Ranking.counts`` returns them.
        wrong: likewise.
    """
    if len(right) == 0 or right[-1] == 0:
        return float("nan")
    return float((np.diff(right, prepend=0.0) * precision(right, wrong)).sum() / right[-1])


def precision(right: Floats, wrong: Floats) -> Floats:
    """(t,) share of the right ones among those that reach each threshold; 1 where none does."""
    found = right + wrong
    return np.divide(right, found, out=np.ones_like(right), where=found > 0)
