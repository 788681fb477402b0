"""Averaging, resizing and sampling of maps, with gradients that can be the same in every run.

On GPUs torch's own backward passes of adaptive pooling, interpolation and ``grid_sample`` add up in
an order that changes. Where ``torch.use_deterministic_algorithms`` asks for better, the same values
come from products and sums; elsewhere from torch's faster kernels.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

Size = tuple[int, int]


def asked_for(maps: Tensor) -> bool:
    """Whether the order of sums matters: a backward pass will come, and has to be deterministic."""
    wanted = torch.are_deterministic_algorithms_enabled()
    return wanted and torch.is_grad_enabled() and maps.requires_grad


def averaged(maps: Tensor, size: Size) -> Tensor:
    """(B, C, h, w) to (B, C, *size) by means over equal or overlapping cells (adaptive pooling)."""
    height, width = maps.shape[-2:]
    if height % size[0] == 0 and width % size[1] == 0:
        return F.avg_pool2d(maps, (height // size[0], width // size[1]))
    if not asked_for(maps):
        return F.adaptive_avg_pool2d(maps, size)
    return _product(_shares(height, size[0], maps), maps, _shares(width, size[1], maps))


def resized(maps: Tensor, size: Size, antialias: bool = False) -> Tensor:
    """(B, C, h, w) to (B, C, *size), bilinearly.

    Args:
        maps: to resize.
        size: of the result.
        antialias: whether to average where maps shrink.
    """
    if not asked_for(maps):
        return F.interpolate(maps, size, mode="bilinear", align_corners=False, antialias=antialias)
    height, width = maps.shape[-2:]
    down = _weights(height, size[0], maps, antialias)
    return _product(down, maps, _weights(width, size[1], maps, antialias))


def sampled(maps: Tensor, grid: Tensor) -> Tensor:
    """``grid_sample``: bilinear, zero outside.

    Args:
        maps: (V, C, h, w).
        grid: (V, H, W, 2) x and y in -1..1 over the sides.

    Returns:
        (V, C, H, W).
    """
    if not asked_for(maps):
        return F.grid_sample(maps, grid, mode="bilinear", align_corners=False)
    height, width = maps.shape[-2:]
    x = ((grid[..., 0] + 1) * width - 1) / 2
    y = ((grid[..., 1] + 1) * height - 1) / 2
    total = maps.new_zeros(*maps.shape[:2], *grid.shape[1:3])
    for column in (x.floor(), x.floor() + 1):
        for row in (y.floor(), y.floor() + 1):
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            weight = (1 - (x - column).abs()) * (1 - (y - row).abs()) * inside
            place = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
            total = total + weight.unsqueeze(1) * _taken(maps, place.long())
    return total


def _taken(maps: Tensor, place: Tensor) -> Tensor:
    """(V, C, h, w) at (V, H, W) places in h·w, (V, C, H, W)."""
    cells = [
        own.flatten(1).index_select(1, where.flatten())
        for own, where in zip(maps, place, strict=True)
    ]
    return torch.stack(cells).view(*maps.shape[:2], *place.shape[1:])


def _product(down: Tensor, maps: Tensor, across: Tensor) -> Tensor:
    """Rows mixed by (H, h) and columns by (W, w), in at least float32."""
    with torch.autocast(maps.device.type, enabled=False):
        return (down @ maps.to(down.dtype) @ across.mT).to(maps.dtype)


def _exact(like: Tensor) -> torch.dtype:
    return like.dtype if like.dtype == torch.float64 else torch.float32


def _shares(side: int, cells: int, like: Tensor) -> Tensor:
    """(cells, side): what each cell of adaptive pooling takes of each place; rows sum to 1."""
    cell = torch.arange(cells, device=like.device).unsqueeze(1)
    first, behind = cell * side // cells, ((cell + 1) * side + cells - 1) // cells
    place = torch.arange(side, device=like.device)
    within = (place >= first) & (place < behind)
    return within.to(_exact(like)) / (behind - first)


def _weights(side: int, cells: int, like: Tensor, antialias: bool) -> Tensor:
    """(cells, side): what each cell of the result takes of each place, as torch resizes."""
    places = torch.eye(side, dtype=_exact(like), device=like.device).view(1, 1, side, side)
    taken = F.interpolate(
        places, (side, cells), mode="bilinear", align_corners=False, antialias=antialias
    )
    return taken[0, 0].T
