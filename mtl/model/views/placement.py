"""Where a view lies in its image, and the way there; ``turn_back.py`` is the way back.

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

from mtl.model.views.resample import Matrix, cut, resize, sample, turn


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

    @property
    def mirrored(self) -> bool:
        """Whether the view shows the image in a mirror, turned or not."""
        (a, b, _), (d, e, _) = self.matrix
        return a * e < b * d

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
        (V·B, C, h, w), view by view, zero outside the image, in the image's memory format. Exact
        views and windows of whole pixels hold the image's own pixels, resized first where ``size``
        is another than the image's; all others are sampled together, bilinearly.
    """
    found: dict[int, Tensor] = {}
    for i, placement in enumerate(placements):
        if placement.quarters is not None:
            found[i] = turn(resize(image, size), placement.quarters, placement.flip)
        elif (part := cut(image, placement.matrix, size)) is not None:
            found[i] = part
    moved = [i for i in range(len(placements)) if i not in found]
    if moved:
        matrices = [placements[i].matrix for i in moved]
        found |= zip(moved, sample(image.unsqueeze(0), matrices, size), strict=True)
    return stack_views([found[i] for i in range(len(placements))])


def stack_views(views: Sequence[Tensor]) -> Tensor:
    """V views, each (B, C, h, w), to (V·B, C, h, w); a single one is handed back as it is.

    Channels come last in memory where there are several: that is how convolutions want them, and
    a turn then moves whole cells.
    """
    if len(views) == 1:
        return views[0]
    return torch.cat([view.permute(0, 2, 3, 1) for view in views]).permute(0, 3, 1, 2)
