"""Places as maps with a Gaussian around each, and back with a fraction of a cell."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

FAINT = 1e-6
"""Of a heat map: less is as good as nothing."""
FLAT = 1e-6
"""Curvature, squared, below which a peak has no place between the cells."""


def gaussians(cells: Tensor, size: tuple[int, int], sigma: float) -> Tensor:
    """Heat maps with a peak of 1 at each place.

    Args:
        cells: (..., 2) x and y in cells, from the map's corner.
        size: (h, w) of the maps.
        sigma: standard deviation, cells.

    Returns:
        (..., h, w).
    """
    falls = []
    for axis, side in enumerate(reversed(size)):
        centres = torch.arange(side, dtype=cells.dtype, device=cells.device) + 0.5
        gap = centres - cells[..., axis, None]
        falls.append((-gap.square() / (2 * sigma**2)).exp())
    across, down = falls
    return down.unsqueeze(-1) * across.unsqueeze(-2)


def energy(sigma: float) -> float:
    """The sum of the squares of a whole Gaussian with a peak of 1, cells."""
    return math.pi * sigma**2


def peaks(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Where heat maps are highest, to a fraction of a cell, and how high.

    The step from the highest cell is that of Zhang et al., Distribution-aware coordinate
    representation for human pose estimation (DARK), 2020, without their blurring: a Newton step on
    the logarithm, which finds a Gaussian's peak exactly. Towards the border there is none.

    Args:
        maps: (n, K, h, w).

    Returns:
        (n, K, 2) x and y in cells from the map's corner, and (n, K) the highest cells' values.
    """
    height, width = maps.shape[-2:]
    highest, where = maps.flatten(2).max(2)
    row, column = where.div(width, rounding_mode="floor"), where % width
    logs = F.pad(maps.clamp(min=FAINT).log(), (1, 1, 1, 1), mode="replicate").flatten(2)
    middle = (row + 1) * (width + 2) + column + 1
    steps = [dy * (width + 2) + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    around = torch.stack([middle + step for step in steps], 2)
    a, b, c, d, e, f, g, h, i = logs.gather(2, around).unbind(2)
    beside = (column == 0) | (column == width - 1)
    below = (row == 0) | (row == height - 1)
    across, down = ((f - d) / 2).masked_fill(beside, 0), ((h - b) / 2).masked_fill(below, 0)
    bent_across = (d - 2 * e + f).masked_fill(beside, -1)
    bent_down = (b - 2 * e + h).masked_fill(below, -1)
    twisted = ((i - g - c + a) / 4).masked_fill(beside | below, 0)
    curvature = bent_across * bent_down - twisted**2
    good = (curvature > FLAT) & (bent_across < 0)
    safe = curvature.where(good, 1)
    x = -(bent_down * across - twisted * down) / safe
    y = -(bent_across * down - twisted * across) / safe
    step = torch.stack([x, y], -1).clamp(-1, 1) * good.unsqueeze(-1)
    return torch.stack([column, row], -1) + 0.5 + step, highest
