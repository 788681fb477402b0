"""Which point of a feature pyramid answers for which object (FCOS; Tian et al., 2019)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mtl.data.batch import BoxBatch
from mtl.model.head.fcos_points import Points

RADIUS = 1.5
"""An object's points lie within this many strides of its centre (FCOS's center sampling)."""


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

    An object that has no point then, as most have that are smaller than half a stride, takes the
    nearest of the four points of its level around its centre that no object as small or smaller
    has. It goes without only where such objects have all of these.

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
        & (farthest <= high)
        & boxes.valid[:, None]
    )
    area = (x2 - x1) * (y2 - y1)
    certain = match & ~boxes.difficult[:, None]
    smallest, which = torch.where(certain, area, float("inf")).min(dim=2)
    _settle(points, boxes, smallest, which)
    foreground = smallest < float("inf")
    return Assignment(foreground, which, match.any(dim=2) & ~foreground)


def to_find(boxes: BoxBatch) -> Tensor:
    """(n, M) bool: the objects that have to be found: not difficult, with an area."""
    sides = boxes.xyxy[..., 2:] - boxes.xyxy[..., :2]
    return boxes.valid & ~boxes.difficult & (sides > 0).all(dim=2)


def orphans(found: Assignment, boxes: BoxBatch) -> Tensor:
    """(n, M) bool: the objects that have to be found and have no point.

    Args:
        found: as ``assign`` returns it.
        boxes: of n images.
    """
    return _without(found.foreground, found.object, to_find(boxes))


def _without(foreground: Tensor, which: Tensor, wanted: Tensor) -> Tensor:
    has = torch.zeros(wanted.shape, dtype=torch.int64, device=wanted.device)
    return wanted & (has.scatter_add_(1, which, foreground.long()) == 0)


def _settle(points: Points, boxes: BoxBatch, owner: Tensor, which: Tensor) -> None:
    """Give points to objects that have none, in place.

    The smallest object comes first, and takes the nearest of its points that no object as small
    has. Whoever loses a point so is larger, and has its turn later. One turn for each place, filled
    or not: to know how many are needed would make a step wait for the GPU.

    Args:
        points: P points.
        boxes: of n images.
        owner: (n, P) area of the object that has the point, inf for none.
        which: (n, P) that object.
    """
    wanted = to_find(boxes)
    cpu = owner.device.type == "cpu"
    if cpu and not bool(_without(owner < torch.inf, which, wanted).any()):
        return
    area = (boxes.xyxy[..., 2:] - boxes.xyxy[..., :2]).prod(dim=2).to(owner.dtype)
    around = points.around(boxes.xyxy)
    order = area.masked_fill(~wanted, torch.inf).argsort(dim=1, stable=True)
    for turn in order.unbind(1):
        mine = turn[:, None]
        has = ((which == mine) & (owner < torch.inf)).any(dim=1, keepdim=True)
        size = area.gather(1, mine)
        spots = around.gather(1, mine[..., None].expand(-1, 1, around.shape[2])).squeeze(1)
        free = size < owner.gather(1, spots)
        # The first that is free is the nearest.
        spot = spots.gather(1, free.int().argmax(dim=1, keepdim=True))
        takes = wanted.gather(1, mine) & ~has & free.any(dim=1, keepdim=True)
        owner.scatter_(1, spot, torch.where(takes, size, owner.gather(1, spot)))
        which.scatter_(1, spot, torch.where(takes, mine, which.gather(1, spot)))
