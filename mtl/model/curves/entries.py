"""Curves as they are written: plain numbers, thinned to what an eye can tell apart."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mtl.model.curves.ranking import Floats, area_under_roc, average_precision, precision

MOST = 200
"""Points of a curve."""
ALTOGETHER = 4000
"""Points of all classes' curves, where there are many classes."""
LEAST = 20
GRID = np.linspace(0, 1, 101)
"""Where the mean over classes is taken."""
ALL = "all"
"""The name of that mean."""

Entries = dict[str, dict[str, Any]]


class Reached(NamedTuple):
    """How many candidates reach each threshold.

    Args:
        thresholds: (t,) descending.
        right: (t,) true positives.
        wrong: (t,) false positives.
    """

    thresholds: Floats
    right: Floats
    wrong: Floats


def one_against_rest(classes: Mapping[str, Reached]) -> dict[str, Entries]:
    """``roc`` and ``pr`` of every class that has one, and their means over those classes.

    A class has a ROC curve where there are both positives and negatives, and a precision-recall
    curve where there are positives.

    Args:
        classes: name to its candidates.
    """
    both = {n: c for n, c in classes.items() if len(c.right) and c.right[-1] > 0}
    ranked = {n: c for n, c in both.items() if c.wrong[-1] > 0}
    most = points(len(classes))
    found: dict[str, Entries] = {}
    if ranked:
        found["roc"] = {ALL: mean_roc(list(ranked.values()))}
        found["roc"] |= {name: roc(reached, most) for name, reached in ranked.items()}
    if both:
        found["pr"] = {ALL: mean_pr(list(both.values()))}
        found["pr"] |= {name: pr(reached, most) for name, reached in both.items()}
    return found


def roc(reached: Reached, most: int = MOST) -> dict[str, Any]:
    """The rates of false and true positives as the threshold falls, from (0, 0) to (1, 1)."""
    fpr, tpr = _rates(reached)
    area = area_under_roc(reached.right, reached.wrong)
    fpr, tpr = thinned(most, fpr, tpr)
    return {"fpr": numbers(fpr), "tpr": numbers(tpr), "auc": area}


def pr(reached: Reached, most: int = MOST) -> dict[str, Any]:
    """Recall and precision as the threshold falls, from recall 0 and precision 1 on.

    ``ap`` is the sum of recall's steps times precision, without interpolation.
    """
    thresholds, right, wrong = reached
    recall = np.concatenate([[0.0], right / right[-1]])
    share = np.concatenate([[1.0], precision(right, wrong)])
    recall, share, threshold = thinned(most, recall, share, np.append(thresholds[:1], thresholds))
    return {
        "recall": numbers(recall),
        "precision": numbers(share),
        "threshold": numbers(threshold),
        "ap": average_precision(right, wrong),
        "positives": int(right[-1]),
        "negatives": int(wrong[-1]),
    }


def mean_roc(classes: Sequence[Reached]) -> dict[str, Any]:
    """The mean rate of true positives at each rate of false ones."""
    rates = [_rates(reached) for reached in classes]
    tpr = np.mean([np.interp(GRID, fpr, own) for fpr, own in rates], axis=0)
    areas = [area_under_roc(reached.right, reached.wrong) for reached in classes]
    return {
        "fpr": numbers(np.append(0.0, GRID)),
        "tpr": numbers(np.append(0.0, tpr)),
        "auc": float(np.mean(areas)),
    }


def mean_pr(classes: Sequence[Reached]) -> dict[str, Any]:
    """The mean precision at each recall; that of a class holds from one of its recalls down."""
    columns = []
    for reached in classes:
        recall = reached.right / reached.right[-1]
        share = precision(reached.right, reached.wrong)
        # A recall of 0.3 may lie below 3 / 10 by a rounding.
        places = np.searchsorted(recall, GRID[1:] - 1e-9)
        columns.append(np.append(1.0, share[places]))
    areas = [average_precision(reached.right, reached.wrong) for reached in classes]
    return {
        "recall": numbers(GRID),
        "precision": numbers(np.mean(columns, axis=0)),
        "ap": float(np.mean(areas)),
    }


def points(classes: int) -> int:
    """Of each class's curve."""
    return max(LEAST, min(MOST, ALTOGETHER // max(1, classes)))


def thinned(most: int, x: Floats, y: Floats, *further: Floats) -> list[Floats]:
    """At most so many points of a curve, evenly along its way, the first and the last of them."""
    if len(x) <= most:
        return [x, y, *further]
    steps = np.abs(np.diff(x)) + np.abs(np.diff(y))
    way = np.append(0.0, np.cumsum(steps))
    places = np.unique(np.searchsorted(way, np.linspace(0, way[-1], most)))
    places = np.unique(np.append(places.clip(max=len(x) - 1), [0, len(x) - 1]))[-most:]
    places[0] = 0
    return [column[places] for column in (x, y, *further)]


def numbers(values: Floats) -> list[float]:
    """As JSON has them, with as many digits as a curve needs."""
    return [round(float(value), 5) for value in values]


def _rates(reached: Reached) -> tuple[Floats, Floats]:
    fpr = np.append(0.0, reached.wrong / reached.wrong[-1])
    tpr = np.append(0.0, reached.right / reached.right[-1])
    return fpr, tpr
