"""Which shapes an image of the built-in data set holds, where they lie and what they hide."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

REFERENCE_SIDE: Final = 64
"""Lengths below are pixels at this image side and grow with the image."""
MAIN_SIDE: Final = (18.0, 24.0)
OTHER_SIDE: Final = (11.0, 17.0)
"""Sides of the square of equal area; a triangle or star spans 1.5 times as much."""
MAIN_RATIO: Final = 1.65
"""The main shape's visible area over any other's, at least; some air above the promised 1.6."""
LEAST_VISIBLE: Final = 0.78
TRIES: Final = 12
FINENESS: Final = 4
"""Shapes are drawn this many times larger and averaged down, for soft edges."""
FIXED_POINT: Final = 4
"""Fractional bits of the corners given to OpenCV."""

Contour = npt.NDArray[np.float64]


def _star(points: int, inner: float) -> Contour:
    turn = np.arange(2 * points) * np.pi / points
    radius = np.where(np.arange(2 * points) % 2, inner, 1.0)
    return np.stack([radius * np.sin(turn), -radius * np.cos(turn)], axis=1)


def _circle(radius: float) -> Contour:
    turn = np.arange(32) * np.pi / 16
    return radius * np.stack([np.sin(turn), np.cos(turn)], axis=1)


def _cross(arm: float) -> Contour:
    quarter = np.array([[arm, 1.0], [arm, arm], [1.0, arm]])
    turns = [np.array([[c, -s], [s, c]]) for c, s in ((1, 0), (0, -1), (-1, 0), (0, 1))]
    return np.concatenate([quarter @ t.T for t in turns])


def _triangle() -> Contour:
    turn = np.arange(3) * 2 * np.pi / 3
    return np.stack([np.sin(turn), -np.cos(turn)], axis=1)


def _area(contour: Contour) -> float:
    x, y = contour.T
    return abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1))) / 2


def _unit(outer: Contour, hole: Contour | None = None) -> tuple[Contour, ...]:
    """Scale to area 1."""
    area = _area(outer) - (0.0 if hole is None else _area(hole))
    contours = (outer,) if hole is None else (outer, hole)
    return tuple(c / np.sqrt(area) for c in contours)


OUTLINES: Final[Mapping[str, tuple[Contour, ...]]] = MappingProxyType(
    {
        "circle": _unit(_circle(1.0)),
        "square": _unit(np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])),
        "triangle": _unit(_triangle()),
        "star": _unit(_star(5, 0.45)),
        "cross": _unit(_cross(0.34)),
        "ring": _unit(_circle(1.0), _circle(0.5)),
    }
)
"""Class name to an outline of area 1 with its hole, if any; no turn makes one look like another."""
_CONTOURS: Final = tuple(OUTLINES.values())


@dataclass(frozen=True)
class Placed:
    """One shape in the image.

    Args:
        shape: class index, in the order of OUTLINES.
        x: column of the stencil's left edge.
        y: row of its upper edge.
        stencil: (h, w) uint8, 0 to 255: how much of each pixel the shape covers.
    """

    shape: int
    x: int
    y: int
    stencil: npt.NDArray[np.uint8]

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the image under the stencil."""
        height, width = self.stencil.shape
        return slice(self.y, self.y + height), slice(self.x, self.x + width)


@dataclass(frozen=True)
class Layout:
    """The shapes of one image, the undermost first.

    Args:
        placed: the shapes.
        owner: (H, W) uint8: 0 for the ground, k + 1 where ``placed[k]`` is on top.
        main_class: class index of the largest shape.
    """

    placed: tuple[Placed, ...]
    owner: npt.NDArray[np.uint8]
    main_class: int

    def mask(self) -> npt.NDArray[np.uint8]:
        """(H, W) uint8: 0 for the ground, class index + 1 for shapes."""
        values = np.array([0, *(p.shape + 1 for p in self.placed)], np.uint8)
        return values[self.owner]

    def boxes(self) -> npt.NDArray[np.float32]:
        """(N, 4) float32 xyxy, half-open, around each shape's visible pixels."""
        found = np.empty((len(self.placed), 4), np.float32)
        for k, p in enumerate(self.placed):
            x, y, width, height = cv2.boundingRect((self.owner[p.window] == k + 1).view(np.uint8))
            found[k] = p.x + x, p.y + y, p.x + x + width, p.y + y + height
        return found


def arrange(rng: np.random.Generator, side: int, tilt: float, objects: tuple[int, int]) -> Layout:
    """Choose shapes and put them where none hides too much of another.

    Args:
        rng: the image's own stream.
        side: of the image, pixels.
        tilt: largest turn either way, degrees.
        objects: fewest and most shapes.
    """
    count = int(rng.integers(objects[0], objects[1], endpoint=True))
    shapes = rng.integers(0, len(_CONTOURS), count)
    while True:
        # Sizes and places are drawn anew after a failure but classes are not: a class that is
        # hard to place must not become rare.
        stencils = _stencils(rng, shapes, side / REFERENCE_SIDE, tilt)
        layout = _place(rng, shapes, stencils, side)
        if layout is not None:
            return layout


def _stencils(
    rng: np.random.Generator, shapes: npt.NDArray[np.int64], scale: float, tilt: float
) -> list[npt.NDArray[np.uint8]]:
    """One per shape, the main one first."""
    main = rng.uniform(*MAIN_SIDE)
    others = rng.uniform(OTHER_SIDE[0], min(OTHER_SIDE[1], main / 1.35), len(shapes) - 1)
    angles = np.radians(rng.uniform(-tilt, tilt, len(shapes)))
    return [
        _stencil(_CONTOURS[shape], size * scale, angle)
        for shape, size, angle in zip(shapes, (main, *others), angles, strict=True)
    ]


def _stencil(contours: tuple[Contour, ...], size: float, angle: float) -> npt.NDArray[np.uint8]:
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, s], [-s, c]]) * size
    corners = [contour @ turn for contour in contours]
    low, high = corners[0].min(axis=0), corners[0].max(axis=0)
    width, height = np.ceil(high - low).astype(int).tolist()
    middle = (low + high - (width, height)) / 2
    fine = np.zeros((height * FINENESS, width * FINENESS), np.uint8)
    # OpenCV's corners sit on pixel centres, hence the half.
    points = [
        np.rint(((p - middle) * FINENESS - 0.5) * (1 << FIXED_POINT)).astype(np.int32)
        for p in corners
    ]
    cv2.fillPoly(fine, points, 255, cv2.LINE_8, FIXED_POINT)
    coarse = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(coarse, np.uint8)


def _place(
    rng: np.random.Generator,
    shapes: npt.NDArray[np.int64],
    stencils: list[npt.NDArray[np.uint8]],
    side: int,
) -> Layout | None:
    """Lay the stencils down in random order; None if one finds no place."""
    solid = [stencil >= 128 for stencil in stencils]
    area = np.array([np.count_nonzero(s) for s in solid])
    least = area * LEAST_VISIBLE
    least[0] = max(least[0], MAIN_RATIO * max(area[1:], default=0))
    if least[0] > area[0]:
        return None
    order = rng.permutation(len(shapes))
    # Index 0 is the ground, of which any part may be hidden.
    spare = np.concatenate([[side * side], (area - least)[order]])
    owner = np.zeros((side, side), np.uint8)
    placed: list[Placed] = []
    for k, which in enumerate(order):
        height, width = solid[which].shape
        for x, y in zip(
            rng.integers(0, side - width, TRIES, endpoint=True).tolist(),
            rng.integers(0, side - height, TRIES, endpoint=True).tolist(),
            strict=True,
        ):
            under = owner[y : y + height, x : x + width]
            hidden = np.bincount(under[solid[which]], minlength=len(spare))
            if (hidden <= spare).all():
                break
        else:
            return None
        spare -= hidden
        under[solid[which]] = k + 1
        placed.append(Placed(int(shapes[which]), x, y, stencils[which]))
    return Layout(tuple(placed), owner, int(shapes[0]))
