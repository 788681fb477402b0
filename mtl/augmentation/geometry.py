"""One affine map and what it does to boxes and to the pixels to sample, for a batch at once.

Maps are (..., 2, 3) matrices that take a point of the picture before to its place after, in pixels
where the picture's corners are (0, 0) and (W, H): a pixel's centre lies at its index plus a half.
Signs are albumentations': positive angles turn counter-clockwise as seen, positive shifts go right
and down.
"""

from typing import Literal

import torch
from torch import Tensor

SMALLEST_VISIBILITY = 1e-6
"""A box that is wholly outside goes, whatever ``min_visibility`` says."""


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


def sampling_grid(matrix: Tensor, size: tuple[int, int]) -> Tensor:
    """Where each pixel of the new picture comes from.

    Args:
        matrix: (B, 2, 3), invertible.
        size: (H, W) of the picture.

    Returns:
        (B, H, W, 2) of ``matrix``'s type, for ``grid_sample`` with ``align_corners=False``.
    """
    half = torch.tensor([size[1] / 2, size[0] / 2], dtype=matrix.dtype, device=matrix.device)
    linear = matrix[:, :, :2] * half / half.unsqueeze(-1)
    offset = (matrix[:, :, :2] @ half + matrix[:, :, 2]) / half - 1
    inverse = torch.linalg.inv(linear)
    origin = -inverse @ offset.unsqueeze(-1)
    height, width = size
    x = (torch.arange(width, device=matrix.device) * 2 + 1).to(matrix.dtype) / width - 1
    y = (torch.arange(height, device=matrix.device) * 2 + 1).to(matrix.dtype) / height - 1
    # One sum over planes of x and y: ten times as fast as affine_grid, and grid_sample is as fast.
    across = (inverse[:, :, :1] * x + origin).unsqueeze(-2)
    down = (inverse[:, :, 1:] * y).unsqueeze(-1)
    return (across + down).permute(0, 2, 3, 1)


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
    linear, offset = matrix[..., :2].mT, matrix[..., 2].unsqueeze(-2)
    centre = (xyxy[..., :2] + xyxy[..., 2:]) / 2 @ linear + offset
    half = (xyxy[..., 2:] - xyxy[..., :2]) / 2
    half = half @ linear.abs() if method == "largest_box" else (half**2 @ linear**2).sqrt()
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
