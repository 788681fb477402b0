"""Which boxes of several detectors are of one object, as one operator that exports know by name."""

import torch
from torch import Tensor

NOTHING = -2
"""The class of a cluster that isn't founded; -1 is that of no box."""


@torch.library.custom_op("mtl::clustered", mutates_args=())
def clustered(
    boxes: Tensor, scores: Tensor, labels: Tensor, overlap: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Join boxes to clusters, the best of each image first.

    A box joins the cluster of its class whose mean box it overlaps most, if that is enough, or
    founds one. Box rank by box rank, which in a graph is a loop.

    Args:
        boxes: (n, R, 4) xyxy.
        scores: (n, R), the weights of the boxes in the mean.
        labels: (n, R) int64, -1 where there is no box; these come last.
        overlap: IoU above which a box belongs to a cluster.

    Returns:
        Of the clusters, in R places: class (n, R), how many boxes each has (n, R), the sum of their
        scores (n, R), and of the boxes times these (n, R, 4).
    """
    kind = torch.full_like(labels, NOTHING)
    count, mass, sums = torch.zeros_like(scores), torch.zeros_like(scores), torch.zeros_like(boxes)
    rows = torch.arange(len(labels), device=labels.device)
    made = torch.zeros_like(rows)
    for rank in range(int((labels >= 0).sum(dim=1).max()) if labels.numel() else 0):
        box, score, label = boxes[:, rank], scores[:, rank], labels[:, rank]
        there = slice(0, rank + 1)
        fused = sums[:, there] / mass[:, there, None].clamp(min=1e-12)
        iou = overlaps(box[:, None], fused)
        best, where = iou.masked_fill(kind[:, there] != label[:, None], -1).max(dim=1)
        joins = best > overlap
        where = torch.where(joins, where, made)
        made += ~joins
        kind[rows, where] = label
        count[rows, where] += 1
        mass[rows, where] += score
        sums[rows, where] += score[:, None] * box
    return kind, count, mass, sums


@clustered.register_fake
def _(
    boxes: Tensor, scores: Tensor, labels: Tensor, overlap: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return (
        torch.empty_like(labels),
        torch.empty_like(scores),
        torch.empty_like(scores),
        torch.empty_like(boxes),
    )


def overlaps(left: Tensor, right: Tensor) -> Tensor:
    """IoU of boxes that broadcast against each other, (..., 4) each; 0 where both are empty."""
    top_left = torch.maximum(left[..., :2], right[..., :2])
    bottom_right = torch.minimum(left[..., 2:], right[..., 2:])
    common = (bottom_right - top_left).clamp(min=0).prod(dim=-1)
    area = [(b[..., 2:] - b[..., :2]).prod(dim=-1) for b in (left, right)]
    return common / (area[0] + area[1] - common).clamp(min=1e-12)
