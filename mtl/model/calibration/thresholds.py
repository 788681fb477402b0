"""From which score on a class is there: chosen among all scores that occurred, not from a grid."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mtl.model.calibration.values import Aim
from mtl.model.curves.ranking import Floats, Ranking, precision

ROUNDING = 1e-9
"""9 of 10 is a precision of 0.9."""


@dataclass(frozen=True)
class ChosenThreshold:
    """A class's threshold, and what it does on the samples that it was chosen on.

    Args:
        name: of the class.
        threshold: from which on a score is a yes.
        support: how many there are to find.
        precision: share of the right ones among those that are said; None where nothing is said.
        recall: share of those there are that are said; None where there are none.
        f1: harmonic mean of both; None where nothing is there and nothing is said.
        usual_f1: the same at the head's own threshold.
        note: why the class keeps the head's own threshold; empty where it doesn't.
    """

    name: str
    threshold: float
    support: int
    precision: float | None
    recall: float | None
    f1: float | None
    usual_f1: float | None
    note: str = ""


def choose(
    name: str,
    scores: npt.ArrayLike,
    right: npt.ArrayLike,
    *,
    support: int,
    usual: float,
    aim: Aim,
    lowest: float = 0.0,
    note: str = "",
) -> ChosenThreshold:
    """The best threshold of a class.

    Of equally good ones the highest. It lies half way down to the next score, so that it doesn't
    hang on a last digit.

    Args:
        name: of the class.
        scores: (n,) float32 of its candidates.
        right: (n,) whether a candidate is right.
        support: how many there are to find, candidates or not.
        usual: the head's own threshold, which is kept where none can be chosen.
        aim: what it is chosen by.
        lowest: that no score is below.
        note: why none can be chosen, if that is known already.
    """
    ranking = Ranking(scores, right)
    hits, false = ranking.counts()
    threshold = usual
    if not note:
        place, note = _place(hits, false, support, aim)
        threshold = usual if note else _below(ranking.thresholds, place, lowest)
    return ChosenThreshold(
        name,
        threshold,
        support,
        *_at(ranking.thresholds, hits, false, support, threshold),
        _at(ranking.thresholds, hits, false, support, usual)[2],
        note,
    )


def _place(hits: Floats, false: Floats, support: int, aim: Aim) -> tuple[int, str]:
    """Which of the thresholds, or why none."""
    if support == 0:
        return 0, "none in this split"
    if len(hits) == 0 or hits[-1] == 0:
        return 0, "none is found"
    if aim.precision is None:
        return int(np.argmax(2 * hits / (hits + false + support))), ""
    enough = np.flatnonzero((hits > 0) & (precision(hits, false) >= aim.precision - ROUNDING))
    if len(enough) == 0:
        return 0, f"no threshold reaches precision {aim.precision:g}"
    # Recall grows downwards, and of those with equal recall the highest is the most precise.
    return int(np.searchsorted(hits, hits[enough[-1]])), ""


def _below(thresholds: Floats, place: int, lowest: float) -> float:
    own = thresholds[place]
    following = thresholds[place + 1] if place + 1 < len(thresholds) else min(lowest, own)
    middle = float(np.float32((own + following) / 2))
    return middle if middle > following else float(own)


def _at(
    thresholds: Floats, hits: Floats, false: Floats, support: int, threshold: float
) -> tuple[float | None, float | None, float | None]:
    """Precision, recall and F1 at a threshold."""
    reach = int((thresholds >= threshold).sum())
    right, wrong = (float(part[reach - 1]) if reach else 0.0 for part in (hits, false))
    said = right + wrong
    return (
        right / said if said else None,
        right / support if support else None,
        2 * right / (said + support) if said + support else None,
    )
