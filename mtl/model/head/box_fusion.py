"""Objects that several detectors found in the same images, to one list per image."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torchvision.ops import batched_nms, box_iou

from mtl.model.head.detections import Detections, joined


def weighted_boxes_fusion(
    found: Sequence[Sequence[Detections]], weights: Tensor, overlap: float, most: int
) -> list[Detections]:
    """Weighted boxes fusion (Solovyev, Wang and Gabruseva, 2021).

    From the best box down, each joins the cluster of its class whose fused box it overlaps most, or
    founds one. A fused box is the mean of its boxes weighted by their scores (times the detector's
    weight); its score is the mean of theirs, times the share of detectors that the cluster has
    boxes of, as far as it has one from each: ``min(boxes, M) / M``. All images go together, box
    rank by box rank.

    Args:
        found: M detectors' objects in the same n images.
        weights: (M,), at least 0, with sum 1.
        overlap: IoU above which a box belongs to a cluster.
        most: how many of an image's best to keep.
    """
    shares = [(len(weights) * weight).item() for weight in weights]
    pooled = [_pooled(own, shares) for own in zip(*found, strict=True)]
    boxes = pad_sequence([d.boxes for d in pooled], batch_first=True)
    scores = pad_sequence([d.scores for d in pooled], batch_first=True)
    labels = pad_sequence([d.labels for d in pooled], batch_first=True, padding_value=-1)
    images, ranks = scores.shape
    rows = torch.arange(images, device=boxes.device)
    made = torch.zeros_like(rows)
    sums, fused = torch.zeros_like(boxes), torch.zeros_like(boxes)
    mass, count = torch.zeros_like(scores), torch.zeros_like(scores)
    kind = torch.full_like(labels, -2)
    for rank in range(ranks):
        box, score, label = boxes[:, rank], scores[:, rank], labels[:, rank]
        there = slice(0, rank + 1)
        iou = _iou(box[:, None], fused[:, there])
        best, where = iou.masked_fill(kind[:, there] != label[:, None], -1).max(dim=1)
        joins = best > overlap
        where = torch.where(joins, where, made)
        made += ~joins
        kind[rows, where] = label
        count[rows, where] += 1
        mass[rows, where] += score
        sums[rows, where] += score[:, None] * box
        # Padding has neither score nor box; its clusters are left out below.
        fused[rows, where] = sums[rows, where] / mass[rows, where, None].clamp(min=1e-12)
    score = mass / count.clamp(min=1) * count.clamp(max=len(weights)) / len(weights)
    score, order = score.masked_fill(kind < 0, 0).sort(dim=1, descending=True, stable=True)
    kept = (score > 0).sum(dim=1).clamp(max=most).tolist()
    return [
        Detections(fused[i, order[i, :k]], score[i, :k], kind[i, order[i, :k]])
        for i, k in enumerate(kept)
    ]


def supported(found: Sequence[Sequence[Detections]], overlap: float, most: int) -> list[Detections]:
    """Non-maximum suppression over all detectors' boxes, of which those stay that most support.

    A detector supports a box if one of its own of that class overlaps it by more than ``overlap``;
    more than half of the detectors have to. Boxes and scores are those of the best.

    Args:
        found: M detectors' objects in the same n images.
        overlap: IoU above which two boxes are one object.
        most: how many of an image's best to keep.
    """
    return [_supported(own, overlap, most) for own in zip(*found, strict=True)]


def _supported(found: Sequence[Detections], overlap: float, most: int) -> Detections:
    union = joined(found)
    voter = torch.cat([torch.full_like(d.labels, m) for m, d in enumerate(found)])
    kept = batched_nms(union.boxes, union.scores, union.labels, overlap)
    same = union.labels[kept, None] == union.labels
    near = (box_iou(union.boxes[kept], union.boxes) > overlap) & same
    near[torch.arange(len(kept), device=kept.device), kept] = True
    votes = torch.stack([near[:, voter == m].any(dim=1) for m in range(len(found))])
    return union[kept[2 * votes.sum(dim=0) > len(found)][:most]]


def _pooled(found: Sequence[Detections], shares: Sequence[float]) -> Detections:
    """All objects of one image with weighted scores, best first, without those that don't count."""
    weighted = [
        Detections(d.boxes, d.scores * share, d.labels)
        for d, share in zip(found, shares, strict=True)
    ]
    union = joined(weighted)
    union = union[union.scores.argsort(descending=True, stable=True)]
    return union[union.scores > 0]


def _iou(left: Tensor, right: Tensor) -> Tensor:
    """IoU of boxes that broadcast against each other, (..., 4) each; 0 where both are empty."""
    top_left = torch.maximum(left[..., :2], right[..., :2])
    bottom_right = torch.minimum(left[..., 2:], right[..., 2:])
    common = (bottom_right - top_left).clamp(min=0).prod(dim=-1)
    area = [(b[..., 2:] - b[..., :2]).prod(dim=-1) for b in (left, right)]
    return common / (area[0] + area[1] - common).clamp(min=1e-12)
