"""Curves of several seeds as one, with their range."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mtl.runs.page.gather.decisions import Confusions, Kind, Reliability, TradeOff

GRID = np.unique(np.round(np.concatenate([np.linspace(0, 0.1, 21), np.linspace(0.1, 1.0, 37)]), 4))
"""Where curves are averaged: closer together where few false alarms are allowed."""
BINS = 15
"""Of confidence."""


def averaged(curves: Sequence[TradeOff], kind: Kind) -> npt.NDArray[np.float64]:
    """Vertical averages (Fawcett, 2006): the curves' heights at each place of the grid.

    Between its points a curve is a line; but precision is that of the next point, since between
    points of a precision-recall curve a line promises too much (Davis and Goadrich, 2006).

    Args:
        curves: of the seeds.
        kind: of curve.

    Returns:
        (4, N): the grid, mean, smallest and largest height.
    """
    heights = np.stack([_heights(curve, kind) for curve in curves])
    return np.stack([GRID, heights.mean(0), heights.min(0), heights.max(0)])


def _heights(curve: TradeOff, kind: Kind) -> npt.NDArray[np.float64]:
    x, y = np.array(curve.x), np.array(curve.y)
    if kind != "pr":
        return np.asarray(np.interp(GRID, x, y), np.float64)
    places = np.minimum(np.searchsorted(x, GRID, side="left"), len(x) - 1)
    return np.asarray(y[places], np.float64)


def height_at(curves: Sequence[TradeOff], place: float) -> float:
    """The mean height of curves at one x: the true positive rate at a false positive one, say."""
    return float(np.mean([np.interp(place, curve.x, curve.y) for curve in curves]))


def pooled_reliability(parts: Sequence[Reliability]) -> Reliability:
    """Bins of several seeds as one, each weighing as many samples as it has.

    Args:
        parts: of the seeds; bins are told apart by their mean confidence, in fifteenths.
    """
    bins: dict[int, list[tuple[float, float, float]]] = {}
    for part in parts:
        for sure, right, count in zip(part.confidence, part.accuracy, part.count, strict=True):
            if count > 0:
                place = min(max(math.ceil(sure * BINS), 1), BINS)
                bins.setdefault(place, []).append((sure * count, right * count, count))
    sums = [np.sum(found, axis=0) for _, found in sorted(bins.items())]
    errors = [part.error for part in parts if part.error is not None]
    return Reliability(
        [float(sure / count) for sure, _, count in sums],
        [float(right / count) for _, right, count in sums],
        [float(count) for _, _, count in sums],
        sum(errors) / len(errors) if errors else None,
    )


def summed_confusions(parts: Sequence[Confusions]) -> Confusions:
    """The counts of all seeds; of those that have the first one's classes."""
    same = [part for part in parts if part.classes == parts[0].classes]
    total = np.sum([part.counts for part in same], axis=0)
    return Confusions(parts[0].classes, total.tolist())
