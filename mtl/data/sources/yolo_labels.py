"""Label files as YOLO's tools write them: one object a line, in shares of the image's sides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mtl.data.sources.text_file import likeliest, lines
from mtl.errors import BadFile

SLACK = 0.01
"""Shares by which numbers may be beyond the image, for rounding's sake."""
BOX, POLYGON = 5, 7
"""Columns of a line with a box, and the least with a polygon."""

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class YoloObject:
    """One line.

    Args:
        number: of its class, as written.
        box: (4,) xyxy, shares of the sides, inside the image.
        polygon: (P, 2) x and y of the corners, or None.
        points: (K, 3) x, y and visibility of the keypoints, or None.
    """

    number: int
    box: Numbers
    polygon: Numbers | None = None
    points: Numbers | None = None


def parse_labels(path: Path, keypoints: tuple[int, int] | None = None) -> list[YoloObject]:
    """Read a file; the same line twice is one object, and a box without extent none.

    Args:
        path: of the file.
        keypoints: how many an object has, and how many numbers each: 2, or 3 with a visibility.

    Raises:
        BadFile: it can't be read, or a line is none of these.
    """
    rows = dict.fromkeys(lines(likeliest(path)))
    found = [_object(path, number, row, keypoints) for number, row in enumerate(rows, start=1)]
    return [one for one in found if (one.box[2:] > one.box[:2]).all()]


def has_polygons(path: Path) -> bool | None:
    """Whether a file's first object has a polygon; None where it has none or can't be read."""
    try:
        first = lines(likeliest(path))[:1]
    except BadFile:
        return None
    return len(first[0].split()) >= POLYGON if first else None


def _object(path: Path, line: int, row: str, keypoints: tuple[int, int] | None) -> YoloObject:
    try:
        number, *numbers = map(float, row.split())
    except ValueError:
        shown = "".join(c if c.isprintable() else "?" for c in row[:60])
        raise BadFile(path, f"object {line} isn't made of numbers: {shown}") from None
    columns = len(numbers) + 1
    if number != int(number) if math.isfinite(number) else True:
        raise BadFile(path, f"object {line} begins with {number:g}, which is no class's number")
    values = np.array(numbers)
    if keypoints is not None:
        count, width = keypoints
        if columns != BOX + count * width:
            raise BadFile(
                path,
                f"object {line} has {columns} columns; with {count} keypoints of {width} numbers "
                f"it has {BOX + count * width}",
            )
        points = _points(values[4:].reshape(count, width))
        places = np.concatenate([values[:4], points[points[:, 2] > 0, :2].ravel()])
        _check_shares(path, line, places)
        return YoloObject(int(number), _corners(values[:4]), points=points)
    _check_shares(path, line, values)
    if columns == BOX:
        return YoloObject(int(number), _corners(values))
    if columns >= POLYGON and columns % 2:
        polygon = values.reshape(-1, 2).clip(0, 1)
        box = np.concatenate([polygon.min(0), polygon.max(0)])
        return YoloObject(int(number), box, polygon)
    raise BadFile(
        path,
        f"object {line} has {columns} columns; a box has {BOX}, a polygon {POLYGON} or more, an "
        "odd number (keypoints need kpt_shape in the yaml)",
    )


def _check_shares(path: Path, line: int, values: Numbers) -> None:
    wrong = ~((values >= -SLACK) & (values <= 1 + SLACK))
    if wrong.any():
        raise BadFile(
            path,
            f"object {line} has {values[wrong][0]:g}; places are shares of the image's sides, "
            "0 to 1",
        )


def _corners(box: Numbers) -> Numbers:
    centre, half = box[:2], box[2:] / 2
    return np.concatenate([centre - half, centre + half]).clip(0, 1)


def _points(points: Numbers) -> Numbers:
    """(K, 3); without a visibility what lies at 0, 0 is unknown, as in YOLO's own reader."""
    if points.shape[1] == 2:
        seen = (points > 0).any(1)
        return np.column_stack([points, np.where(seen, 2, 0)])
    return points
