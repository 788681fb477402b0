"""Points that lie on each other in a chart: dots of which each is seen, names that can be read."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Place = tuple[float, float]
"""x and y of a point."""
Align = Literal["left", "center", "right"]
ON_EACH_OTHER = (0.015, 0.035)
"""Shares of width and height within which dots hide each other."""
NAMES_TOUCH = (0.17, 0.06)
"""The same of the names above them."""
RADIUS, RING, WIDEST = 5.2, 3.0, 16.0
"""Pixels: of a dot, of what is seen of each dot below another, of the lowest dot."""
MOST_NAMES = 4
"""Above one dot."""
EDGE = 0.15
"""Share of the width beside which a name goes inwards."""


@dataclass(frozen=True)
class Dot:
    """How a point is drawn.

    Args:
        size: as Vega has it: the square of the diameter in pixels.
        names: above it, a line each; empty where another dot bears them, or none is named.
        align: of the names, to the dot.
    """

    size: float
    names: Sequence[str]
    align: Align


def dots(
    points: Mapping[int, Place], names: Sequence[str], named: Collection[int]
) -> dict[int, Dot]:
    """Dots in the order in which they are drawn: the smallest of those at one place comes last.

    Args:
        points: by row.
        names: of all rows, by place.
        named: rows that get their names; what lies on one of them is named with it.
    """
    spans = [max(found) - min(found) for found in zip(*points.values(), strict=True)]
    lowest = min((x for x, _ in points.values()), default=0.0)
    sizes: dict[int, float] = {}
    told: dict[int, list[str]] = {}
    heaps = _together([[row] for row in points], points, spans, ON_EACH_OTHER)
    for heap in heaps:
        ring = min(RING, (WIDEST - RADIUS) / max(1, len(heap) - 1))
        for below, row in enumerate(reversed(heap)):
            sizes[row] = (2 * (RADIUS + below * ring)) ** 2
    bearing = [heap for heap in heaps if any(row in named for row in heap)]
    for group in _together(bearing, points, spans, NAMES_TOUCH):
        top = max(group, key=lambda row: points[row][1])
        told[top] = [names[row] for row in group]
    return {
        row: Dot(sizes[row], _few(told.get(row, [])), _align(points[row][0] - lowest, spans[0]))
        for row in sorted(points, key=lambda row: -sizes[row])
    }


def _together(
    groups: Iterable[list[int]],
    points: Mapping[int, Place],
    spans: Sequence[float],
    within: tuple[float, float],
) -> list[list[int]]:
    """Groups of which each has a point near one of the next, put together."""
    found: list[list[int]] = []
    for group in groups:
        near = [
            other
            for other in found
            if any(_near(points[a], points[b], spans, within) for a in group for b in other)
        ]
        found = [other for other in found if other not in near]
        found.append(sorted([*group, *(row for other in near for row in other)]))
    return found


def _near(a: Place, b: Place, spans: Sequence[float], within: tuple[float, float]) -> bool:
    pairs = zip(a, b, spans, within, strict=True)
    return all(abs(first - second) <= share * span for first, second, span, share in pairs)


def _few(names: list[str]) -> list[str]:
    more = len(names) - MOST_NAMES
    return names if more <= 0 else [*names[: MOST_NAMES - 1], f"and {more + 1} more"]


def _align(from_left: float, span: float) -> Align:
    if not span:
        return "center"
    share = from_left / span
    return "left" if share < EDGE else "right" if share > 1 - EDGE else "center"
