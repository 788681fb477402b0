"""A large image cut into overlapping tiles, and which of them answers for what."""

from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import numpy as np
import numpy.typing as npt

Rectangle = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the image, half-open."""


@dataclass(frozen=True)
class Tile:
    """A part of an image.

    Args:
        outer: all that it shows.
        inner: what no other tile shows further from its border; these parts fill the image.
    """

    outer: Rectangle
    inner: Rectangle

    def cut(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """What it shows of an image, (H, W, 3), in memory of its own."""
        left, top, right, bottom = self.outer
        return np.ascontiguousarray(image[top:bottom, left:right])

    def answers_for(self, centres: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
        """Which objects are this tile's to tell of: those that it shows whole, or best.

        Their centres lie at least a quarter of the overlap away from its borders inside the image,
        so that a piece of an object smaller than half the overlap, cut off at the border, is never
        told of. What two tiles show well both tell of.

        Args:
            centres: (N, 2) x and y in pixels of the image.
        """
        outer, inner = np.array(self.outer, np.float64), np.array(self.inner, np.float64)
        limits = (outer + inner) / 2
        inside = (centres >= limits[:2]) & (centres <= limits[2:])
        return np.asarray(inside.all(axis=1), np.bool_)


@dataclass(frozen=True)
class Tiling:
    """How large images are cut.

    Args:
        side: see ``tiles_of``.
        overlap: likewise.
    """

    side: int
    overlap: float


def tiles_of(width: int, height: int, side: int, overlap: float) -> list[Tile]:
    """Cut an image, row by row; tiles lie at equal distances, the outermost at its borders.

    Args:
        width: of the image, pixels.
        height: likewise.
        side: of a tile, pixels; an image that is shorter is not cut that way.
        overlap: the share of a side that two neighbours have in common at least, 0 to below 1.
    """
    columns, rows = _spans(width, side, overlap), _spans(height, side, overlap)
    return [
        Tile((left, top, right, bottom), (inner_left, inner_top, inner_right, inner_bottom))
        for top, bottom, inner_top, inner_bottom in rows
        for left, right, inner_left, inner_right in columns
    ]


def _spans(length: int, side: int, overlap: float) -> list[Rectangle]:
    """First and last pixel of each span, and of the part that is nearest to its middle."""
    if length <= side:
        return [(0, length, 0, length)]
    # What a float is off by must not cost a tile.
    count = 1 + ceil(round((length - side) / (side * (1 - overlap)), 6))
    starts = [round(number * (length - side) / (count - 1)) for number in range(count)]
    between = [(one + side + other) // 2 for one, other in pairwise(starts)]
    borders = pairwise([0, *between, length])
    return [(start, start + side, *inner) for start, inner in zip(starts, borders, strict=True)]
