"""Turning, resizing and sampling of whole batches of pictures."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mtl.model.reproducible import averaged, resized, sampled

Matrix = tuple[tuple[float, float, float], tuple[float, float, float]]
"""From a point to a point, (x, y) in -1..1 over a picture's side with y downwards."""


def turn(picture: Tensor, quarters: int, flip: bool) -> Tensor:
    """Mirror left to right if asked for, then turn counter-clockwise; (..., H, W)."""
    picture = picture.flip(-1) if flip else picture
    return picture.rot90(quarters, (-2, -1)) if quarters else picture


def turn_back(picture: Tensor, quarters: int, flip: bool) -> Tensor:
    """The inverse of ``turn``."""
    picture = picture.rot90(-quarters, (-2, -1)) if quarters else picture
    return picture.flip(-1) if flip else picture


def resize(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, H, W) to (B, C, *size), bilinearly, without aliasing where it shrinks."""
    if tuple(picture.shape[-2:]) == tuple(size):
        return picture

    return _precisely(picture, lambda exact: resized(exact, size, antialias=True))


def cut(picture: Tensor, matrix: Matrix, size: tuple[int, int]) -> Tensor | None:
    """The part of (B, C, H, W) that a matrix shows, where that is whole pixels; else None.

    Args:
        picture: to cut from.
        matrix: from the points of the part to those of the picture.
        size: of the part.
    """
    (a, b, c), (d, e, f) = matrix
    height, width = picture.shape[-2:]
    left, top = (c - a + 1) / 2 * width, (f - e + 1) / 2 * height
    x, y = round(left), round(top)
    differences = (b, d, a * width - size[1], e * height - size[0], left - x, top - y)
    if max(map(abs, differences)) > 1e-6 or x < 0 or y < 0:
        return None
    if x + size[1] > width or y + size[0] > height:
        return None
    return picture[..., y : y + size[0], x : x + size[1]]


def sample(pictures: Tensor, matrices: Sequence[Matrix], size: tuple[int, int]) -> Tensor:
    """Sample pictures along one grid per view, bilinearly, zero outside.

    Where a view has far fewer cells than the picture, the picture is averaged down first, so that
    no cell is passed over.

    Args:
        pictures: (V, B, C, h, w), or (1, B, C, h, w) where all views show the same pictures.
        matrices: V of them, from points of the result to points of the pictures.
        size: (H, W) of the result.

    Returns:
        (V, B, C, H, W).
    """
    steps = [_step(matrix, (pictures.shape[-2], pictures.shape[-1]), size) for matrix in matrices]
    if len(set(steps)) == 1:
        return _sample_reduced(pictures, matrices, size, steps[0])
    found: list[Tensor] = [pictures] * len(steps)
    for step in set(steps):
        rows = [i for i, other in enumerate(steps) if other == step]
        chosen = pictures if len(pictures) == 1 else torch.stack([pictures[i] for i in rows])
        some = _sample_reduced(chosen, [matrices[i] for i in rows], size, step)
        for place, i in enumerate(rows):
            found[i] = some[place]
    return torch.stack(found)


def _step(matrix: Matrix, source: tuple[int, int], size: tuple[int, int]) -> int:
    """Whole cells of the source that lie between two neighbouring cells of the result."""
    (a, b, _), (d, e, _) = matrix
    across = math.hypot(a * source[1], d * source[0]) / size[1]
    down = math.hypot(b * source[1], e * source[0]) / size[0]
    return max(1, math.floor(min(across, down) + 1e-6))


def _sample_reduced(
    pictures: Tensor, matrices: Sequence[Matrix], size: tuple[int, int], step: int
) -> Tensor:
    # The pictures of one view are taken as channels of one picture, so that they share a grid.
    planes = pictures.flatten(1, 2)
    if step > 1:
        height, width = (math.ceil(side / step) for side in pictures.shape[-2:])
        planes = averaged(planes, (height, width))

    def moved(exact: Tensor) -> Tensor:
        every = exact.expand(len(matrices), -1, -1, -1)
        return sampled(every, _grid(matrices, size, exact))

    return _precisely(planes, moved).reshape(len(matrices), *pictures.shape[1:3], *size)


def _grid(matrices: Sequence[Matrix], size: tuple[int, int], like: Tensor) -> Tensor:
    """(V, H, W, 2).

    Not by ``affine_grid``, whose matrix product loses digits under autocast and TF32.
    """
    y, x = (_centres(side, like) for side in size)
    y = y.unsqueeze(1)
    # Numbers and not a tensor of them, which a GPU would have to be sent in every step.
    grids = [
        torch.stack([a * x + b * y + c, d * x + e * y + f], -1) for (a, b, c), (d, e, f) in matrices
    ]
    return torch.stack(grids)


def _centres(side: int, like: Tensor) -> Tensor:
    steps = torch.arange(1 - side, side, 2, dtype=like.dtype, device=like.device)
    return steps / side


def _precisely(picture: Tensor, work: Callable[[Tensor], Tensor]) -> Tensor:
    """Do something in at least float32 and come back to the picture's type."""
    if picture.dtype in (torch.float32, torch.float64):
        return work(picture)
    return work(picture.float()).to(picture.dtype)
