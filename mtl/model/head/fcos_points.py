"""The points of a feature pyramid, at which FCOS answers (Tian et al., 2019)."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


class Points(nn.Module):
    """The P centres of all cells of a pyramid, level by level from fine to coarse, row by row.

    A level answers for objects whose farthest side is 4 to 8 strides from the point. Where the
    strides don't double, two neighbours part at the geometric mean of what each would end at; the
    finest also answers for all smaller and the coarsest for all larger objects, so that every size
    belongs to exactly one level.

    Args:
        strides: of the levels, ascending, in pixels.
        image_size: side of the picture in pixels; a level has ``ceil(image_size / stride)`` cells
            a side until ``fit`` says otherwise.
    """

    center: Tensor
    """(P, 2) x and y in pixels."""
    stride: Tensor
    """(P,) pixels."""
    reach: Tensor
    """(P, 2) bounds of the farthest side's distance in pixels, the lower exclusive."""
    bounds: Tensor
    """(L + 1,) the same by level, from 0 to inf."""
    level: Tensor
    """(L, 4) of each level: number of its first point, columns, rows, stride."""

    def __init__(self, strides: Sequence[int], image_size: int) -> None:
        super().__init__()
        self.strides = tuple(strides)
        self.sizes: tuple[tuple[int, int], ...] = ()
        inner = [math.sqrt(8 * fine * 4 * coarse) for fine, coarse in pairwise(strides)]
        bounds = torch.tensor([0.0, *inner, math.inf])
        self.register_buffer("bounds", bounds, persistent=False)
        for name in ("center", "stride", "reach", "level"):
            self.register_buffer(name, torch.zeros(0), persistent=False)
        self.fit([(-(-image_size // stride),) * 2 for stride in strides])

    def fit(self, sizes: Sequence[tuple[int, int]]) -> None:
        """Have as many cells as the maps; some backbones round odd sizes up, others down.

        Args:
            sizes: rows and columns of each level.
        """
        if tuple(sizes) == self.sizes:
            return
        self.sizes = tuple(sizes)
        centers, strides, reaches, levels, first = [], [], [], [], 0
        # Built on the device: a training may be under way.
        device = self.bounds.device
        for number, (stride, (rows, columns)) in enumerate(zip(self.strides, sizes, strict=True)):
            y, x = torch.meshgrid(
                (torch.arange(rows, device=device) + 0.5) * stride,
                (torch.arange(columns, device=device) + 0.5) * stride,
                indexing="ij",
            )
            centers.append(torch.stack((x, y), dim=-1).reshape(-1, 2))
            strides.append(torch.full((rows * columns,), float(stride), device=device))
            reaches.append(self.bounds[number : number + 2].expand(rows * columns, 2))
            levels.append([first, columns, rows, stride])
            first += rows * columns
        self.center = torch.cat(centers)
        self.stride = torch.cat(strides)
        self.reach = torch.cat(reaches)
        self.level = torch.tensor(levels, device=device)

    def around(self, xyxy: Tensor) -> Tensor:
        """The points of an object's own level next to its centre.

        Args:
            xyxy: (..., 4) pixels.

        Returns:
            (..., 4) int64 indices of points, the nearest first; at the border some may be the same.
        """
        middle, half = (xyxy[..., :2] + xyxy[..., 2:]) / 2, (xyxy[..., 2:] - xyxy[..., :2]) / 2
        number = torch.bucketize(half.amax(dim=-1), self.bounds[1:-1])
        first, columns, rows, stride = self.level[number].unbind(-1)
        place = middle / stride[..., None] - 0.5
        # Counted on the device, which would have to be waited for to take a table.
        four = torch.arange(4, device=place.device)
        corner = place.floor()[..., None, :] + torch.stack((four % 2, four // 2), dim=-1)
        order = (corner - place[..., None, :]).square().sum(dim=-1).argsort(dim=-1, stable=True)
        x, y = corner.long().unbind(-1)
        x = torch.minimum(x.clamp(min=0), columns[..., None] - 1)
        y = torch.minimum(y.clamp(min=0), rows[..., None] - 1)
        return (first[..., None] + y * columns[..., None] + x).gather(-1, order)

    def decode(self, sides: Tensor) -> Tensor:
        """Boxes from the distances of their sides.

        Args:
            sides: (..., P, 4) left, top, right, bottom distances in strides.

        Returns:
            (..., P, 4) xyxy pixels.
        """
        center = self.center.to(sides.dtype)
        sides = sides * self.stride.to(sides.dtype).unsqueeze(-1)
        return torch.cat((center - sides[..., :2], center + sides[..., 2:]), dim=-1)

    def boxes(self, dtype: torch.dtype) -> Tensor:
        """(P, 4) xyxy pixels: each point's box of a stride to each side."""
        return self.decode(torch.ones(len(self.stride), 4, dtype=dtype, device=self.stride.device))

    def centerness(self, xyxy: Tensor) -> Tensor:
        """How central points are in their boxes.

        Args:
            xyxy: (..., P, 4) pixels, with an area greater than 0.

        Returns:
            (..., P) in 0..1: 1 in the middle, 0 on the border, and 1 outside, since a point that
            answers for a box without lying in it is the only one that does.
        """
        center = self.center.to(xyxy.dtype)
        near, far = center - xyxy[..., :2], xyxy[..., 2:] - center
        share = torch.minimum(near, far) / torch.maximum(near, far)
        inside = (share > 0).all(dim=-1)
        return torch.where(inside, share.clamp(min=0).prod(dim=-1), 1).sqrt()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Points":
        """Move, but stay exact where a whole network is made half precision."""
        super()._apply(lambda t: t.to(fn(t).device), recurse)  # type: ignore[no-untyped-call]
        return self
