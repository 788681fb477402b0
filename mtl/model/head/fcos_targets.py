"""Which point of a feature pyramid answers for which object (FCOS; Tian et al., 2019)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mtl.data.batch import BoxBatch

RADIUS = 1.5
"""An object's points lie within this many strides of its centre (FCOS's center sampling)."""


class Points(nn.Module):
    """The P centres of all cells of a pyramid, level by level from fine to coarse, row by row.

    A level answers for objects whose farthest side is 4 to 8 strides from the point; the finest
    also for smaller and the coarsest also for larger ones.

    Args:
        strides: of the levels, ascending, in pixels.
        image_size: side of the picture in pixels; a level has ``ceil(image_size / stride)`` cells
            a side.
    """

    center: Tensor
    """(P, 2) x and y in pixels."""
    stride: Tensor
    """(P,) pixels."""
    reach: Tensor
    """(P, 2) lower and upper bound of the farthest side's distance in pixels, both exclusive."""

    def __init__(self, strides: Sequence[int], image_size: int) -> None:
        super().__init__()
        centers, sizes, reaches = [], [], []
        for stride in strides:
            axis = (torch.arange(-(-image_size // stride)) + 0.5) * stride
            y, x = torch.meshgrid(axis, axis, indexing="ij")
            centers.append(torch.stack((x, y), dim=-1).reshape(-1, 2))
            low = 0.0 if stride == strides[0] else 4.0 * stride
            high = float("inf") if stride == strides[-1] else 8.0 * stride
            sizes.append(torch.full((x.numel(),), float(stride)))
            reaches.append(torch.tensor([low, high]).expand(x.numel(), 2))
        self.register_buffer("center", torch.cat(centers), persistent=False)
        self.register_buffer("stride", torch.cat(sizes), persistent=False)
        self.register_buffer("reach", torch.cat(reaches), persistent=False)

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
        """How central points are in the boxes that contain them.

        Args:
            xyxy: (..., P, 4) pixels, each box around its point.

        Returns:
            (..., P) in 0..1: 1 in the middle, 0 on the border.
        """
        center = self.center.to(xyxy.dtype)
        near, far = center - xyxy[..., :2], xyxy[..., 2:] - center
        return (torch.minimum(near, far) / torch.maximum(near, far)).prod(dim=-1).sqrt()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Points":
        """Move, but stay exact where a whole network is made half precision."""
        super()._apply(lambda t: t.to(fn(t).device), recurse)  # type: ignore[no-untyped-call]
        return self


@dataclass(frozen=True)
class Assignment:
    """What each of P points has to say in each of n images.

    Args:
        foreground: (n, P) bool: the point answers for an object.
        object: (n, P) int64: which one, of the image's list; meaningless where not foreground.
        ignored: (n, P) bool: the point lies on nothing but difficult objects, so that neither
            answer is wrong.
    """

    foreground: Tensor
    object: Tensor
    ignored: Tensor


def assign(points: Points, boxes: BoxBatch) -> Assignment:
    """Match points to objects, all images at once.

    A point matches an object that contains it, whose centre is less than RADIUS strides away along
    both axes, and whose size is the level's. Of several objects it takes the one with the smallest
    area; an object that is not difficult goes before one that is.

    Args:
        points: P points.
        boxes: of n images, with places for at least one object.
    """
    x, y = points.center[:, None].unbind(-1)  # each (P, 1), against (n, 1, M)
    x1, y1, x2, y2 = boxes.xyxy[:, None].unbind(-1)
    left, top, right, bottom = x - x1, y - y1, x2 - x, y2 - y
    nearest = torch.minimum(torch.minimum(left, right), torch.minimum(top, bottom))
    farthest = torch.maximum(torch.maximum(left, right), torch.maximum(top, bottom))
    off_center = torch.maximum((left - right).abs_(), (top - bottom).abs_()) / 2
    low, high = points.reach[:, None].unbind(-1)
    match = (
        (nearest > 0)
        & (off_center < RADIUS * points.stride[:, None])
        & (farthest > low)
        & (farthest < high)
        & boxes.valid[:, None]
    )
    area = (x2 - x1) * (y2 - y1)
    certain = match & ~boxes.difficult[:, None]
    smallest, which = torch.where(certain, area, float("inf")).min(dim=2)
    foreground = smallest < float("inf")
    return Assignment(foreground, which, match.any(dim=2) & ~foreground)
