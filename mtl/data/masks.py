"""Masks of single objects, each kept as far as it reaches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.bool_]
Crop = tuple[int, int, Pixels]
"""Left, top, and the (h, w) pixels from there on."""


@dataclass
class Masks:
    """N masks of one picture, cut to the rectangles that hold them.

    Args:
        size: (H, W) of the picture.
        crops: N of them; the outermost rows and columns of each hold a pixel, and one that has no
            pixel is (0, 0) large.
    """

    size: tuple[int, int]
    crops: list[Crop] = field(default_factory=list)

    @classmethod
    def of(cls, masks: Iterable[npt.NDArray[np.bool_]], size: tuple[int, int]) -> Masks:
        """Of whole masks.

        Args:
            masks: (H, W) each, one by one, so that they need not be there at once.
            size: (H, W).
        """
        return cls(size, [_trimmed(0, 0, np.asarray(mask, np.bool_)) for mask in masks])

    def __len__(self) -> int:
        return len(self.crops)

    def __getitem__(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Masks:
        chosen = np.arange(len(self))[rows]
        return Masks(self.size, [self.crops[row] for row in chosen.tolist()])

    @property
    def whole(self) -> Iterator[Pixels]:
        """Each as large as the picture, (H, W)."""
        for left, top, pixels in self.crops:
            mask = np.zeros(self.size, np.bool_)
            mask[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
            yield mask

    @property
    def rectangles(self) -> npt.NDArray[np.int64]:
        """(N, 4) left, top, width and height of each."""
        found = [(x, y, pixels.shape[1], pixels.shape[0]) for x, y, pixels in self.crops]
        return np.array(found, np.int64).reshape(-1, 4)

    @property
    def xyxy(self) -> npt.NDArray[np.float32]:
        """(N, 4) boxes, 0-based and half-open, tight around each."""
        found = self.rectangles
        found[:, 2:] += found[:, :2]
        return found.astype(np.float32)

    @property
    def areas(self) -> npt.NDArray[np.int64]:
        """(N,) pixels of each."""
        return np.array([pixels.sum() for _, _, pixels in self.crops], np.int64)

    @property
    def flat(self) -> Pixels:
        """The pixels of all rectangles, row by row, one mask after the other."""
        return np.concatenate([np.zeros(0, np.bool_), *(p.ravel() for _, _, p in self.crops)])

    @classmethod
    def of_flat(cls, size: Sequence[int], rectangles: npt.NDArray[np.int64], flat: Pixels) -> Masks:
        """The counterpart of ``rectangles`` and ``flat``."""
        height, width = map(int, size)
        ends = (rectangles[:, 2] * rectangles[:, 3]).cumsum()
        crops = []
        for (left, top, wide, high), end in zip(rectangles.tolist(), ends.tolist(), strict=True):
            pixels = flat[end - wide * high : end].reshape(high, wide)
            crops.append((left, top, pixels))
        return cls((height, width), crops)

    def turned(self, quarters: int) -> Masks:
        """After ``rot90`` of the picture, exactly; counter-clockwise."""
        height, width = self.size
        crops = self.crops
        for _ in range(quarters % 4):
            crops = [(y, width - x - p.shape[1], np.rot90(p)) for x, y, p in crops]
            height, width = width, height
        return Masks((height, width), [(x, y, np.ascontiguousarray(p)) for x, y, p in crops])

    def flipped(self, across: bool, down: bool) -> Masks:
        """Mirrored left to right and upside down, exactly."""
        height, width = self.size
        crops = self.crops
        if across:
            crops = [(width - x - p.shape[1], y, p[:, ::-1]) for x, y, p in crops]
        if down:
            crops = [(x, height - y - p.shape[0], p[::-1]) for x, y, p in crops]
        return Masks(self.size, [(x, y, np.ascontiguousarray(p)) for x, y, p in crops])

    def scaled(
        self, scale: tuple[float, float], offset: tuple[float, float], size: tuple[int, int]
    ) -> Masks:
        """Resized and shifted by the nearest pixel; one too small to be seen keeps a pixel.

        Args:
            scale: factors along x and y.
            offset: pixels that are added to x and y afterwards.
            size: (H, W) of the new picture.
        """
        crops = []
        for left, top, pixels in self.crops:
            high, wide = pixels.shape
            columns, from_columns = _nearest(left, wide, scale[0], offset[0], size[1])
            rows, from_rows = _nearest(top, high, scale[1], offset[1], size[0])
            found = _trimmed(columns, rows, pixels[np.ix_(from_rows, from_columns)])
            if not found[2].size and pixels.any():
                inside = np.argwhere(pixels).mean(0) + 0.5 + (top, left)
                y, x = np.floor(inside * scale[::-1] + offset[::-1]).astype(int)
                x, y = np.clip((x, y), 0, (size[1] - 1, size[0] - 1)).tolist()
                found = (x, y, np.ones((1, 1), np.bool_))
            crops.append(found)
        return Masks(size, crops)

    def moved(self, matrix: npt.NDArray[np.float64]) -> tuple[Masks, npt.NDArray[np.float64]]:
        """After an affine map of the picture, by the nearest pixel.

        Args:
            matrix: (2, 3), from a place in the old picture to its place in the new one, in pixels
                from their corners.

        Returns:
            What is to be seen of each in a picture of the same size, and (N,) which share of its
            pixels' centres that is.
        """
        height, width = self.size
        found, shares = Masks(self.size), np.zeros(len(self))
        for row, (left, top, pixels) in enumerate(self.crops):
            high, wide = pixels.shape
            corners = np.array([(x, y) for x in (left, left + wide) for y in (top, top + high)])
            reach = corners @ matrix[:, :2].T + matrix[:, 2]
            x1, y1 = np.clip(np.floor(reach.min(0)), 0, (width, height)).astype(int).tolist()
            x2, y2 = np.clip(np.ceil(reach.max(0)), 0, (width, height)).astype(int).tolist()
            if x1 >= x2 or y1 >= y2:
                found.crops.append((0, 0, np.zeros((0, 0), np.bool_)))
                continue
            # From pixels of the one crop to those of the other, from their centres.
            own = matrix.copy()
            own[:, 2] += matrix[:, :2] @ (left + 0.5, top + 0.5) - (x1 + 0.5, y1 + 0.5)
            seen = cv2.warpAffine(
                pixels.astype(np.uint8), own, (x2 - x1, y2 - y1), flags=cv2.INTER_NEAREST
            )
            found.crops.append(_trimmed(x1, y1, seen.astype(np.bool_)))
            centres = np.argwhere(pixels)[:, ::-1] + (left + 0.5, top + 0.5)
            places = centres @ matrix[:, :2].T + matrix[:, 2]
            shares[row] = ((places >= 0) & (places <= (width, height))).all(1).mean()
        return found, shares


def _nearest(
    start: int, length: int, scale: float, offset: float, limit: int
) -> tuple[int, npt.NDArray[np.int64]]:
    """The first new pixel that an interval reaches, and from which old one each is taken."""
    first = max(0, int(np.floor(start * scale + offset)))
    last = min(limit, int(np.ceil((start + length) * scale + offset)))
    pixels = np.arange(first, last)
    taken = np.floor((pixels + 0.5 - offset) / scale).astype(np.int64) - start
    inside = (taken >= 0) & (taken < length)
    return first + int(inside.argmax()) if inside.any() else first, taken[inside]


def _trimmed(left: int, top: int, pixels: Pixels) -> Crop:
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    if not len(rows):
        return 0, 0, np.zeros((0, 0), np.bool_)
    y, x = int(rows[0]), int(columns[0])
    kept = pixels[y : rows[-1] + 1, x : columns[-1] + 1]
    return left + x, top + y, np.ascontiguousarray(kept)
