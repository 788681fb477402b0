"""The way back: maps and boxes of views, brought into the frame of their images.

Here turned views are turned back; where each lies in its image, its ``Placement`` knows.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtl.model.views.placement import Placement
from mtl.model.views.resample import Matrix, resize, sample, turn_back


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
    found: dict[int, Tensor] = {}
    shown: dict[int, Tensor] = {}
    for i, placement in enumerate(placements):
        if placement.quarters is not None:
            resized = resize(streams[i], size)
            found[i] = turn_back(resized, placement.quarters, placement.flip)
            shown[i] = maps.new_ones(size)
    moved = [i for i in range(len(placements)) if i not in found]
    if moved:
        inverses = [placements[i].inverse for i in moved]
        every = len(moved) == len(placements)
        some = streams if every else torch.stack([streams[i] for i in moved])
        found |= zip(moved, sample(some, inverses, size), strict=True)
        full = maps.new_ones(1, 1, 1, *maps.shape[-2:])
        shown |= zip(moved, sample(full, inverses, size)[:, 0, 0], strict=True)
    order = range(len(placements))
    # Channels last, as the maps of a backbone are.
    cells = torch.stack([found[i].permute(0, 2, 3, 1) for i in order])
    return cells.permute(0, 1, 4, 2, 3), torch.stack([shown[i] for i in order])


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


def points_back(xy: Tensor, placement: Placement, size: int) -> Tensor:
    """Points in a view's picture, (..., 2), to points in the image; see ``boxes_back``."""
    return boxes_back(torch.cat([xy, xy], -1), placement, size)[..., :2]


def boxes_there(xyxy: Tensor, placement: Placement, size: int) -> Tensor:
    """Boxes in the image to the upright boxes around them in a view; see ``boxes_back``."""
    return _move_boxes(xyxy, placement.inverse, size)


def _move_boxes(xyxy: Tensor, matrix: Matrix, size: int) -> Tensor:
    (a, b, c), (d, e, f) = matrix
    if (a, b, c, d, e, f) == (1, 0, 0, 0, 1, 0):
        # The picture as it is keeps its boxes to the last bit.
        return xyxy.clamp(0, size)
    unit = xyxy * (2 / size) - 1
    x, y = (unit[..., 0] + unit[..., 2]) / 2, (unit[..., 1] + unit[..., 3]) / 2
    half_x, half_y = (unit[..., 2] - unit[..., 0]) / 2, (unit[..., 3] - unit[..., 1]) / 2
    new_x, new_y = a * x + b * y + c, d * x + e * y + f
    wide, high = abs(a) * half_x + abs(b) * half_y, abs(d) * half_x + abs(e) * half_y
    moved = torch.stack([new_x - wide, new_y - high, new_x + wide, new_y + high], -1)
    return ((moved + 1) * (size / 2)).clamp(0, size)
