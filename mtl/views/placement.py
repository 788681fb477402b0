"""Where a view lies in its image, and the way there and back for maps and boxes.

Coordinates run from -1 to 1 over a picture's side, whatever its resolution, so that one placement
serves images, feature maps and masks alike. Pictures are square. Positive angles turn the picture
counter-clockwise as seen, like ``torch.rot90`` over (-2, -1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

Matrix = tuple[tuple[float, float, float], tuple[float, float, float]]


@dataclass(frozen=True)
class Placement:
    """One view of an image.

    Args:
        name: as shown in logs and figures (``90°``).
        matrix: from a point of the view to the point of the image that it shows, (x, y) with y
            downwards.
        quarters: counter-clockwise quarter turns of the picture, where the view is nothing but
            these after ``flip``; None for every other view.
        flip: whether the picture was mirrored left to right before it was turned.
    """

    name: str
    matrix: Matrix
    quarters: int | None = None
    flip: bool = False

    @property
    def exact(self) -> bool:
        """Whether pixels only change places."""
        return self.quarters is not None

    @property
    def identity(self) -> bool:
        """Whether the view is the image itself."""
        return self.quarters == 0 and not self.flip

    @classmethod
    def turned(cls, angle: float, flip: bool = False) -> Placement:
        """The picture, mirrored if asked for, turned by ``angle`` degrees about its centre."""
        name = f"{'mirrored ' if flip else ''}{angle:g}°"
        quarters = int(angle // 90) % 4 if angle % 90 == 0 else None
        if quarters is None:
            cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        else:
            cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarters]
        side = -1 if flip else 1
        return cls(name, ((side * cos, -side * sin, 0.0), (sin, cos, 0.0)), quarters, flip)

    @classmethod
    def window(cls, name: str, left: float, top: float, right: float, bottom: float) -> Placement:
        """A part of the picture, in -1..1; reaching beyond it shrinks the picture."""
        across, down = (right - left) / 2, (bottom - top) / 2
        if (left, top, right, bottom) == (-1, -1, 1, 1):
            return cls(name, ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)), 0)
        matrix = ((across, 0.0, (left + right) / 2), (0.0, down, (top + bottom) / 2))
        return cls(name, matrix)

    @property
    def inverse(self) -> Matrix:
        """From a point of the image to the point of the view that shows it."""
        (a, b, c), (d, e, f) = self.matrix
        det = a * e - b * d
        return (
            (e / det, -b / det, (b * f - c * e) / det),
            (-d / det, a / det, (c * d - a * f) / det),
        )


def see(image: Tensor, placements: Sequence[Placement], size: tuple[int, int]) -> Tensor:
    """Views of images.

    Args:
        image: (B, C, H, W) float.
        placements: V of them.
        size: (h, w) of each view.

    Returns:
        (V·B, C, h, w), view by view, zero outside the image. Exact views hold the image's own
        pixels; all others are sampled together by one grid, bilinearly.
    """
    same = tuple(image.shape[-2:]) == tuple(size)
    moved = [p for p in placements if not (same and p.exact)]
    sampled = iter(_sample(image.unsqueeze(0), [p.matrix for p in moved], size)) if moved else None
    views = [
        _turn(image, p.quarters, p.flip) if same and p.quarters is not None else next(sampled)  # type: ignore[arg-type]
        for p in placements
    ]
    return views[0] if len(views) == 1 else torch.cat(views)


def back(
    maps: Tensor, placements: Sequence[Placement], size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Maps of views, brought into the frame of their images.

    Args:
        maps: (S·B, C, h, w), stream by stream.
        placements: S of them, of the view that each stream shows.
        size: (H, W) of the result.

    Returns:
        (S, B, C, H, W), each cell times how much of it the view shows, and (S, H, W) float in
        0..1: how much that is.
    """
    streams = maps.reshape(len(placements), -1, *maps.shape[1:])
    same = tuple(maps.shape[-2:]) == tuple(size)
    if same and all(p.identity for p in placements):
        return streams, maps.new_ones(len(placements), *size)
    moved = [i for i, p in enumerate(placements) if not (same and p.exact)]
    found: dict[int, Tensor] = {}
    shown: dict[int, Tensor] = {}
    if moved:
        inverses = [placements[i].inverse for i in moved]
        found = dict(zip(moved, _sample(streams[moved], inverses, size), strict=True))
        full = maps.new_ones(1, 1, 1, *maps.shape[-2:])
        shown = dict(zip(moved, _sample(full, inverses, size)[:, 0, 0], strict=True))
    for i, placement in enumerate(placements):
        if placement.quarters is not None and i not in found:
            found[i] = _turn_back(streams[i], placement.quarters, placement.flip)
            shown[i] = maps.new_ones(size)
    order = range(len(placements))
    return torch.stack([found[i] for i in order]), torch.stack([shown[i] for i in order])


def boxes_back(xyxy: Tensor, placement: Placement, size: int) -> Tensor:
    """Boxes in a view's picture to the upright boxes around them in the image.

    Args:
        xyxy: (..., 4) pixels in the view, whose picture has the image's side.
        placement: of the view.
        size: side in pixels.

    Returns:
        (..., 4) pixels, clipped to the image.
    """
    return _move_boxes(xyxy, placement.matrix, size)


def boxes_there(xyxy: Tensor, placement: Placement, size: int) -> Tensor:
    """Boxes in the image to the upright boxes around them in a view; see ``boxes_back``."""
    return _move_boxes(xyxy, placement.inverse, size)


def _turn(picture: Tensor, quarters: int, flip: bool) -> Tensor:
    picture = picture.flip(-1) if flip else picture
    return picture.rot90(quarters, (-2, -1)) if quarters else picture


def _turn_back(picture: Tensor, quarters: int, flip: bool) -> Tensor:
    picture = picture.rot90(-quarters, (-2, -1)) if quarters else picture
    return picture.flip(-1) if flip else picture


def _sample(pictures: Tensor, matrices: Sequence[Matrix], size: tuple[int, int]) -> Tensor:
    """Sample (1 or V, B, C, h, w) with V maps from new to old points, to (V, B, C, *size).

    The pictures of one view are taken as channels of one picture, so that they share a grid.
    """
    count, batch, channels = len(matrices), pictures.shape[1], pictures.shape[2]
    theta = torch.tensor(matrices, dtype=pictures.dtype, device=pictures.device)
    grid = F.affine_grid(theta, [count, 1, *size], align_corners=False)
    planes = pictures.flatten(1, 2).expand(count, -1, -1, -1)
    found = F.grid_sample(planes, grid, mode="bilinear", align_corners=False)
    return found.reshape(count, batch, channels, *size)


def _move_boxes(xyxy: Tensor, matrix: Matrix, size: int) -> Tensor:
    (a, b, c), (d, e, f) = matrix
    unit = xyxy * (2 / size) - 1
    x, y = (unit[..., 0] + unit[..., 2]) / 2, (unit[..., 1] + unit[..., 3]) / 2
    half_x, half_y = (unit[..., 2] - unit[..., 0]) / 2, (unit[..., 3] - unit[..., 1]) / 2
    new_x, new_y = a * x + b * y + c, d * x + e * y + f
    wide, high = abs(a) * half_x + abs(b) * half_y, abs(d) * half_x + abs(e) * half_y
    moved = torch.stack([new_x - wide, new_y - high, new_x + wide, new_y + high], -1)
    return ((moved + 1) * (size / 2)).clamp(0, size)
