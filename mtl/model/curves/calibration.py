"""Whether decisions are right as often as they say they are."""

from typing import Any

import numpy as np
import numpy.typing as npt

from mtl.model.curves.entries import numbers

BINS = 15
EDGES = np.linspace(0, 1, BINS + 1)[1:-1]
"""(14,) between bins; a value on an edge belongs to the bin below."""
Floats = npt.NDArray[np.float64]


def calibration(confidence: npt.ArrayLike, right: npt.ArrayLike) -> dict[str, Any]:
    """The entry of n decisions.

    Args:
        confidence: (n,) in 0..1.
        right: (n,) bool.
    """
    sure, hit = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    place = np.searchsorted(EDGES, sure, side="left")
    return binned(
        np.bincount(place, minlength=BINS),
        np.bincount(place, sure, minlength=BINS),
        np.bincount(place, hit, minlength=BINS),
    )


def binned(count: npt.ArrayLike, confidence: npt.ArrayLike, right: npt.ArrayLike) -> dict[str, Any]:
    """Mean confidence and share of right decisions in each of 15 equal bins that has any.

    ``ece``, the expected calibration error, is their mean distance, each bin weighing as many
    decisions as it has (Guo et al., On Calibration of Modern Neural Networks, 2017).

    Args:
        count: (15,) decisions in each bin.
        confidence: (15,) sum of theirs.
        right: (15,) how many of them are right.
    """
    each = np.asarray(count, np.int64)
    there = each > 0
    sums = (np.asarray(values, np.float64)[there] for values in (confidence, right))
    sure, hit = (values / each[there] for values in sums)
    return {
        "confidence": numbers(sure),
        "accuracy": numbers(hit),
        "count": each[there].tolist(),
        "ece": float((each[there] * np.abs(hit - sure)).sum() / max(1, each.sum())),
    }
