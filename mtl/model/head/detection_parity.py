"""How far the objects that two programs found with the same network are apart."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from mtl.model.curves.matching import overlaps
from mtl.model.head.exported import BOX_TOLERANCE, Arrays, Deviation, largest

SAME = 1.0
"""Pixels that two boxes of one object are less apart than."""
SCORE_TOLERANCE = 1e-4
OVERLAP_TOLERANCE = 1e-3
MORE = {"masks": 1e-2, "points": BOX_TOLERANCE, "visible": SCORE_TOLERANCE}
"""What objects may have beside their boxes, and how far it may be off: a box that is off by a
thousandth of its side moves its mask's edge."""

Bools = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cut:
    """What decides whether a candidate is kept.

    Args:
        score: that it has to exceed.
        overlap: IoU above which two are one object.
        most: objects of an image.
    """

    score: float
    overlap: float
    most: int


@dataclass(frozen=True)
class Objects:
    """Those of one image: (k, 4) xyxy, (k,) scores and (k,) classes."""

    boxes: npt.NDArray[Any]
    scores: npt.NDArray[Any]
    labels: npt.NDArray[Any]

    @classmethod
    def of(cls, arrays: Arrays, row: int) -> "Objects":
        """Those of one image of a batch."""
        count = int(arrays["count"][row])
        return cls(*(arrays[part][row, :count] for part in ("boxes", "scores", "labels")))

    def some(self, places: Places) -> "Objects":
        """Some of them, in this order."""
        return Objects(self.boxes[places], self.scores[places], self.labels[places])


def detection_differences(eager: Arrays, file: Arrays, cut: Cut) -> list[Deviation]:
    """Between objects that are the same in both, and how many only one has.

    Two programs add up in different orders, and what hangs on the last digit may be decided either
    way: whether a score exceeds the threshold, or is among the best, whether an overlap is large
    enough, and which of two equally good ones takes the other's place (in a picture of one colour
    all points say the same). An object that only one has isn't counted where it is such a case, or
    has lost its place to one that is.

    Args:
        eager: ``boxes``, ``scores``, ``labels`` and ``count`` of B images.
        file: likewise.
        cut: what decides.
    """
    found = []
    for row in range(len(eager["count"])):
        one, other = Objects.of(eager, row), Objects.of(file, row)
        rows, columns = _same(one, other)
        here, there = one.some(rows), other.some(columns)
        lacking = _lacking(one, other, rows, columns, cut)
        found.append(
            [
                largest("boxes, pixels", here.boxes, there.boxes, BOX_TOLERANCE),
                largest("scores", here.scores, there.scores, SCORE_TOLERANCE),
                Deviation("objects one lacks", float(lacking), 0.0),
                *_more(eager, file, row, rows, columns),
            ]
        )
    first, *others = found
    for more in others:
        first = [one.together(other) for one, other in zip(first, more, strict=True)]
    return first


def _more(eager: Arrays, file: Arrays, row: int, rows: Places, columns: Places) -> list[Deviation]:
    """Of what the same objects have beside boxes."""
    return [
        largest(name, eager[name][row][rows], file[name][row][columns], tolerance)
        for name, tolerance in MORE.items()
        if name in eager
    ]


def _same(one: Objects, other: Objects) -> tuple[Places, Places]:
    """Places of what is the same object: of one class, and less than ``SAME`` apart."""
    gap = np.abs(one.boxes[:, None] - other.boxes).max(axis=2, initial=0)
    gap[one.labels[:, None] != other.labels] = 1e6
    rows, columns = linear_sum_assignment(gap)
    near = gap[rows, columns] < SAME
    return rows[near], columns[near]


def _lacking(one: Objects, other: Objects, rows: Places, columns: Places, cut: Cut) -> int:
    """How many objects only one of two has without being on the edge of it."""
    iou = overlaps(one.boxes, other.boxes) * (one.labels[:, None] == other.labels)
    near = np.abs(iou - cut.overlap) < OVERLAP_TOLERANCE
    here = _edge(one, other, cut) | near.any(axis=1)
    there = _edge(other, one, cut) | near.any(axis=0)
    alone_here, alone_there = (np.ones(len(edge), bool) for edge in (here, there))
    alone_here[rows], alone_there[columns] = False, False
    rivals = (iou > cut.overlap) & alone_here[:, None] & alone_there
    gap = one.scores[:, None] - other.scores
    tied = rivals & (np.abs(gap) <= SCORE_TOLERANCE)
    here, there = here | tied.any(axis=1), there | tied.any(axis=0)
    known = -1
    while known < (known := int(here.sum() + there.sum())):
        here |= (rivals & there & (gap <= SCORE_TOLERANCE)).any(axis=1)
        there |= (rivals & here[:, None] & (gap >= -SCORE_TOLERANCE)).any(axis=0)
    return int((alone_here & ~here).sum() + (alone_there & ~there).sum())


def _edge(one: Objects, other: Objects, cut: Cut) -> Bools:
    """Which of one's scores could as well have been too low to be kept by the other."""
    least = cut.score
    if len(other.scores) == cut.most:
        least = max(least, float(other.scores.min()))
    edge: Bools = one.scores <= least + SCORE_TOLERANCE
    return edge
