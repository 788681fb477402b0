"""One affine map and what it does to boxes and to the pixels to sample, for a batch at once.

Maps are (..., 2, 3) matrices that take a point of the picture before to its place after, in pixels
where the picture's corners are (0, 0) and (W, H): a pixel's centre lies at its index plus a half.
Signs are albumentations': positive angles turn counter-clockwise as seen, positive shifts go right
and down.
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

SMALLEST_VISIBILITY = 1e-6
"""A box that is wholly outside goes, whatever ``min_visibility`` says."""
CACHED_VALUES = 32 * 3 * 32 * 32
"""How many values to work on at once; 0.4 MB as float32."""


def affine_matrices(
    size: tuple[int, int],
    *,
    angle: Tensor,
    scale: Tensor,
    shear: Tensor,
    shift: Tensor,
    flip: Tensor,
) -> Tensor:
    """Scale, turn, shear and shift about the centre, then flip.

    Args:
        size: (H, W) of the picture.
        angle: (B,) degrees, counter-clockwise.
        scale: (B,) factor, above 1 enlarges.
        shear: (B, 2) tangents of the angles, along x and along y.
        shift: (B, 2) pixels to the right and down.
        flip: (B, 2) bool, left-right and up-down.

    Returns:
        (B, 2, 3), of ``angle``'s type.
    """
    radians = torch.deg2rad(angle)
    cos, sin = torch.cos(radians), torch.sin(radians)
    turned = torch.stack([cos, sin, -sin, cos], -1).view(-1, 2, 2) * scale.view(-1, 1, 1)
    ones = torch.ones_like(angle)
    sheared = torch.stack([ones, -shear[:, 0], -shear[:, 1], ones], -1).view(-1, 2, 2)
    sign = 1 - 2 * flip.to(angle.dtype)
    linear = sign.unsqueeze(-1) * (sheared @ turned)
    centre = torch.tensor([size[1] / 2, size[0] / 2], dtype=angle.dtype)
    offset = centre + sign * shift - linear @ centre
    return torch.cat([linear, offset.unsqueeze(-1)], -1)


def sampling_grid(matrix: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Where each pixel of the new picture comes from, as two planes to be added up.

    That is ten times as fast as ``affine_grid``. ``(across + down).permute(0, 2, 3, 1)`` is a grid
    for ``grid_sample`` with ``align_corners=False``.

    Args:
        matrix: (B, 2, 3), invertible.
        size: (H, W) of the picture.

    Returns:
        (B, 2, 1, W) and (B, 2, H, 1) of ``matrix``'s type.
    """
    height, width = size
    half = torch.tensor([[width / 2], [height / 2]], dtype=matrix.dtype, device=matrix.device)
    inverse = torch.linalg.inv(matrix[:, :, :2]) / half
    origin = inverse @ matrix[:, :, 2:] + 1
    x = torch.arange(width, dtype=matrix.dtype, device=matrix.device) + 0.5
    y = torch.arange(height, dtype=matrix.dtype, device=matrix.device) + 0.5
    across = (inverse[:, :, :1] * x - origin).unsqueeze(-2)
    return across, (inverse[:, :, 1:] * y).unsqueeze(-1)


def resample(
    picture: Tensor, matrix: Tensor, mode: str, fill: float, rows: Tensor | None = None
) -> Tensor:
    """Move pictures, each by its own map.

    Args:
        picture: (B, C, H, W) uint8, or float in 0..255.
        matrix: (B, 2, 3) on the CPU; more than B of them with ``rows``.
        mode: ``bilinear`` or ``nearest``.
        fill: value outside the old picture.
        rows: (B,) int64 beside the pictures, of each picture's matrix, where there are more.

    Returns:
        (B, C, H, W) of the picture's type, rounded where that is uint8, in its memory format.
    """
    size = (picture.shape[-2], picture.shape[-1])
    planes = [plane.float() for plane in sampling_grid(matrix, size)]
    across, down = (plane.to(picture.device, non_blocking=True) for plane in planes)
    if rows is not None:
        across, down = across[rows], down[rows]
    moved = torch.empty_like(picture)
    rounding = 0.0 if picture.is_floating_point() else 0.5
    at_once = len(picture)
    if picture.device.type == "cpu":
        # A few at a time stay in the processor's cache, and need no fresh memory from the system.
        at_once = max(1, CACHED_VALUES * at_once // picture.numel())
    for start in range(0, len(picture), at_once):
        part = slice(start, start + at_once)
        pixels = picture[part].to(torch.float32, copy=True)
        grid = (across[part] + down[part]).permute(0, 2, 3, 1)
        if fill:
            pixels.sub_(fill)
        found = F.grid_sample(pixels, grid, mode=mode, align_corners=False)
        # Back to the picture's order before bytes are made, which are slower to rearrange.
        moved[part] = pixels.copy_(found).add_(fill + rounding)
    return moved


def flipped(pixels: Tensor, flips: Tensor, channels_last: bool = False) -> Tensor:
    """Pictures mirrored exactly.

    Args:
        pixels: (B, C, H, W), or (B, H, W, ...) where ``channels_last``.
        flips: (B, 2) bool beside them, left-right and up-down.
        channels_last: which axes are which.
    """
    rows, columns = (1, 2) if channels_last else (-2, -1)
    shape = (-1,) + (1,) * (pixels.ndim - 1)
    pixels = torch.where(flips[:, 0].view(shape), pixels.flip(columns), pixels)
    return torch.where(flips[:, 1].view(shape), pixels.flip(rows), pixels)


def resample_known(
    values: Tensor, matrix: Tensor, mode: str, unknown: float, rows: Tensor, shown: float
) -> Tensor:
    """Move maps of numbers, each by its own map; nothing mixes with what is unknown.

    Args:
        values: (n, C, H, W) of any type whose values float32 can hold.
        matrix: (B, 2, 3) on the CPU.
        mode: ``bilinear`` or ``nearest``.
        unknown: the value that says nothing; NaN or a number.
        rows: (n,) int64 beside the values, of each one's matrix.
        shown: a pixel is known where its known neighbours have so much of the weight, 0..1.

    Returns:
        (n, C, H, W) of the values' type, unknown outside the old picture.
    """
    size = (values.shape[-2], values.shape[-1])
    across, down = (p.float().to(values.device)[rows] for p in sampling_grid(matrix, size))
    grid = (across + down).permute(0, 2, 3, 1)
    numbers = values.float()
    known = ~numbers.isnan() if math.isnan(unknown) else numbers != unknown
    share = F.grid_sample(known.float(), grid, mode=mode, align_corners=False)
    found = F.grid_sample(numbers.where(known, 0), grid, mode=mode, align_corners=False)
    there = share > shown
    return (found / share.where(there, 1)).where(there, unknown).to(values.dtype)


def move_points(points: Tensor, matrix: Tensor) -> Tensor:
    """Points moved, each row by its own map.

    Args:
        points: (..., P, 2) x and y, pixels.
        matrix: (..., 2, 3).

    Returns:
        (..., P, 2) of ``matrix``'s type.
    """
    linear, offset = matrix[..., None, :, :2], matrix[..., None, :, 2]
    return (linear * points.to(matrix.dtype).unsqueeze(-2)).sum(-1) + offset


def turn_points(points: Tensor, quarters: int, size: tuple[int, int]) -> Tensor:
    """Points after ``rot90`` of the picture, exactly.

    Args:
        points: (..., 2) x and y, pixels.
        quarters: counter-clockwise quarter turns.
        size: (H, W) of the picture before.
    """
    height, width = size
    for _ in range(quarters % 4):
        x, y = points.unbind(-1)
        points = torch.stack([y, width - x], -1)
        height, width = width, height
    return points


def move_boxes(
    xyxy: Tensor, matrix: Tensor, method: Literal["largest_box", "ellipse"] = "largest_box"
) -> Tensor:
    """Upright boxes around the moved boxes, or around the moved ellipses inside them.

    The ellipse is after Kalra et al., "Towards Rotation Invariance in Object Detection", 2021.

    Args:
        xyxy: (..., N, 4) pixels.
        matrix: (..., 2, 3).
        method: ``largest_box`` or ``ellipse``.

    Returns:
        (..., N, 4) pixels, neither clipped nor dropped.
    """
    linear, offset = matrix[..., None, :, :2], matrix[..., None, :, 2]
    # Sums of products and not matrix products, which a GPU may round to ten bits.
    centre = (linear * ((xyxy[..., :2] + xyxy[..., 2:]) / 2).unsqueeze(-2)).sum(-1) + offset
    spread = linear * ((xyxy[..., 2:] - xyxy[..., :2]) / 2).unsqueeze(-2)
    half = spread.abs().sum(-1) if method == "largest_box" else spread.square().sum(-1).sqrt()
    return torch.cat([centre - half, centre + half], -1)


def clip_boxes(xyxy: Tensor, size: tuple[int, int], min_visibility: float) -> tuple[Tensor, Tensor]:
    """Cut boxes off at the picture's border.

    Args:
        xyxy: (..., N, 4) pixels.
        size: (H, W) of the picture.
        min_visibility: smallest fraction of its area that a box has to keep, 0..1.

    Returns:
        (..., N, 4) clipped boxes, and (..., N) bool: which of them stay.
    """
    limit = torch.tensor([size[1], size[0]] * 2, dtype=xyxy.dtype, device=xyxy.device)
    clipped = xyxy.clamp(min=0).minimum(limit)
    before = (xyxy[..., 2:] - xyxy[..., :2]).clamp(min=0).prod(-1)
    after = (clipped[..., 2:] - clipped[..., :2]).prod(-1)
    # As albumentations: the small number keeps boxes without area from staying.
    keep = after / (before + 1e-7) >= max(min_visibility - 1e-6, SMALLEST_VISIBILITY)
    return clipped, keep


def carry_boxes(
    xyxy: Tensor,
    matrix: Tensor,
    size: tuple[int, int],
    method: Literal["largest_box", "ellipse"],
    min_visibility: float,
) -> tuple[Tensor, Tensor]:
    """``move_boxes`` between two ``clip_boxes``: what becomes of boxes when their picture moves.

    Returns:
        (..., N, 4) clipped boxes, and (..., N) bool: which of them stay. Boxes that had no area
        inside the old picture don't.
    """
    inside, real = clip_boxes(xyxy, size, 0)
    moved, keep = clip_boxes(move_boxes(inside, matrix, method), size, min_visibility)
    return moved, keep & real


def turn_boxes(xyxy: Tensor, quarters: int, size: tuple[int, int]) -> Tensor:
    """Boxes after ``rot90`` of the picture, exactly.

    Args:
        xyxy: (..., 4) pixels.
        quarters: counter-clockwise quarter turns.
        size: (H, W) of the picture before.
    """
    height, width = size
    for _ in range(quarters % 4):
        x1, y1, x2, y2 = xyxy.unbind(-1)
        xyxy = torch.stack([y1, width - x2, y2, width - x1], -1)
        height, width = width, height
    return xyxy
