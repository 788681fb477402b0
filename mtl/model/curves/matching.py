"""Which detection is of which object."""

import numpy as np
import numpy.typing as npt

from mtl.model.curves.coco import MOST

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


def same_class(
    iou: Floats,
    labels: Places,
    truth: Places,
    thresholds: Floats,
) -> Places:
    """One image's detections with the objects of their class, as COCO matches them.

    The best detection chooses first: of the objects that are left, the one it overlaps most, if
    that is enough (Lin et al., 2014). Of a class the best 100 take part.

    Args:
        iou: (d, g), best detection first.
        labels: (d,) classes of the detections.
        truth: (g,) classes of the objects.
        thresholds: (T,) IoU, ascending.

    Returns:
        (d, T) numbers of the objects, -1 for none, -2 for a detection that doesn't take part.
    """
    found = np.full((len(labels), len(thresholds)), -1, np.int64)
    for index in np.unique(labels):
        own, there = np.flatnonzero(labels == index), np.flatnonzero(truth == index)
        found[own[MOST:]] = -2
        own = own[:MOST]
        if len(there):
            chosen = greedy(iou[np.ix_(own, there)], thresholds)
            found[own] = np.where(chosen < 0, -1, there[chosen])
    return found


def greedy(iou: Floats, thresholds: Floats) -> Places:
    """Rows that choose columns in their order.

    Args:
        iou: (d, g) with g > 0.
        thresholds: (T,) ascending, from which on a column can be chosen.

    Returns:
        (d, T) numbers of the columns, -1 for none.
    """
    rows, columns = iou.shape
    least, levels = thresholds[:, None], np.arange(len(thresholds))
    chosen = np.full((rows, len(thresholds)), -1, np.int64)
    free = np.ones((len(thresholds), columns), np.bool_)
    for row in np.flatnonzero(iou.max(axis=1) >= thresholds[0]):
        open_ = np.where(free & (iou[row] >= least), iou[row], -1.0)
        # Of equal ones the last, as COCO's own evaluation.
        best = columns - 1 - open_[:, ::-1].argmax(axis=1)
        hit = open_[levels, best] >= 0
        chosen[row, hit] = best[hit]
        free[levels[hit], best[hit]] = False
    return chosen


def overlaps(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> Floats:
    """(d, g) IoU of (d, 4) and (g, 4) boxes, xyxy."""
    # Sides in float32 as torchmetrics hands them to COCO's evaluation, the rest in float64.
    one, other = (np.asarray(boxes, np.float32) for boxes in (first, second))
    sides = [(boxes[:, 2:] - boxes[:, :2]).astype(np.float64) for boxes in (one, other)]
    starts = [boxes[:, :2].astype(np.float64) for boxes in (one, other)]
    ends = [start + side for start, side in zip(starts, sides, strict=True)]
    inner = np.minimum(ends[0][:, None], ends[1]) - np.maximum(starts[0][:, None], starts[1])
    both = inner.clip(min=0).prod(axis=2)
    areas = [side.prod(axis=1) for side in sides]
    union = areas[0][:, None] + areas[1] - both
    iou: Floats = np.divide(both, union, out=np.zeros_like(both), where=union > 0)
    return iou
