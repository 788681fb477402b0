"""The logged numbers of a run, from metrics.csv."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

WANTED = ("train/", "val/", "conflict/")
MOST_POINTS = 80
"""Of a curve on the page."""


@dataclass(frozen=True)
class Logged:
    """One metric over the steps.

    Args:
        steps: ascending.
        values: one for each.
    """

    steps: Sequence[int]
    values: Sequence[float]


@dataclass(frozen=True)
class Band:
    """One metric over the steps in several runs.

    Args:
        steps: ascending.
        mean: over the runs that got that far.
        low: smallest of them.
        high: largest of them.
    """

    steps: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]


def read_scalars(folder: Path) -> dict[str, Logged]:
    """Losses, metrics and conflicts by name; rows that can't be read are left out."""
    found: dict[str, dict[int, float]] = {}
    path = folder / "metrics.csv"
    if not path.is_file():
        return {}
    with path.open(newline="", errors="replace") as file:
        for row in csv.reader(file):
            if len(row) == 3 and row[1].startswith(WANTED):
                try:
                    step, value = int(row[0]), float(row[2])
                except ValueError:
                    continue
                if math.isfinite(value):
                    found.setdefault(row[1], {})[step] = value
    ordered = {name: sorted(points.items()) for name, points in found.items()}
    return {
        name: Logged([step for step, _ in points], [value for _, value in points])
        for name, points in ordered.items()
    }


def band(curves: Sequence[Logged], most: int = MOST_POINTS) -> Band:
    """Mean and range over runs, thinned: where there are more steps, neighbours are averaged.

    Args:
        curves: of the runs; at least one, none of them empty.
        most: points of the result.
    """
    steps = sorted({step for curve in curves for step in curve.steps})
    size = -(-len(steps) // most)
    place = {step: at // size for at, step in enumerate(steps)}
    means = [_means(curve, place) for curve in curves]
    result = Band([], [], [], [])
    for at in range(-(-len(steps) // size)):
        values = [of_run[at] for of_run in means if at in of_run]
        result.steps.append(steps[min((at + 1) * size, len(steps)) - 1])
        result.mean.append(sum(values) / len(values))
        result.low.append(min(values))
        result.high.append(max(values))
    return result


def _means(curve: Logged, place: Mapping[int, int]) -> dict[int, float]:
    """The mean in each bin of steps in which a run has a value."""
    bins: dict[int, list[float]] = {}
    for step, value in zip(curve.steps, curve.values, strict=True):
        bins.setdefault(place[step], []).append(value)
    return {at: sum(values) / len(values) for at, values in bins.items()}
