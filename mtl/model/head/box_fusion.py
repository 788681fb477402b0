"""Objects that several detectors found in the same images, to one list per image."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from mtl.model.head.clusters import clustered, overlaps
from mtl.model.head.detections import DetectionBatch, Detections


def weighted_boxes_fusion(
    found: Sequence[Sequence[Detections]], weights: Tensor, overlap: float, most: int
) -> DetectionBatch:
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
    models = len(found)
    union = DetectionBatch.joined(
        [
            _weighted(DetectionBatch.of(own), models * weight)
            for own, weight in zip(found, weights.unbind(), strict=True)
        ]
    )
    labels, scores = union.labels.masked_fill(~union.valid, -1), union.scores * union.valid
    kind, count, mass, sums = clustered(union.boxes, scores, labels, overlap)
    boxes = sums / mass[..., None].clamp(min=1e-12)
    score = mass / count.clamp(min=1) * count.clamp(max=models) / models
    fused = DetectionBatch(boxes, score, kind, (kind >= 0) & (score > 0))
    return fused.best_first(most)


def supported(
    found: Sequence[Sequence[Detections]], overlap: float, most: int, classes: int
) -> DetectionBatch:
    """Non-maximum suppression over all detectors' boxes, of which those stay that most support.

    A detector supports a box if one of its own of that class overlaps it by more than ``overlap``;
    more than half of the detectors have to. Boxes and scores are those of the best.

    Args:
        found: M detectors' objects in the same n images.
        overlap: IoU above which two boxes are one object.
        most: how many of an image's best to keep.
        classes: how many there are.
    """
    batches = [DetectionBatch.of(own) for own in found]
    union = DetectionBatch.joined(batches)
    every = union.scores.shape[1]
    votes = torch.zeros_like(union.labels)
    for own in batches:
        near = overlaps(union.boxes[:, :, None], own.boxes[:, None]) > overlap
        same = union.labels[:, :, None] == own.labels[:, None]
        votes = votes + (near & same & own.valid[:, None]).any(dim=2)
    # A box supports itself, also where it has no area to overlap with.
    most_agree = 2 * votes.clamp(min=1) > len(found)
    return union.only(union.kept(overlap, every, classes) & most_agree).best_first(most)


def completed(
    found: DetectionBatch, decisions: Sequence[DetectionBatch], weights: Tensor, overlap: float
) -> DetectionBatch:
    """Fused objects with what theirs have beside boxes, weighted by scores: masks or keypoints.

    Args:
        found: in n images.
        decisions: of M detectors, all of one type.
        weights: (M,).
        overlap: IoU above which two boxes are one object; the nearest is so in any case.
    """
    kind = type(decisions[0])
    parts = [part for part in kind.single.parts if part not in Detections.parts]
    if not parts:
        return found
    pairs = zip(decisions, weights, strict=True)
    every = kind.joined(
        [replace(own, scores=own.scores * share.to(own.scores)) for own, share in pairs]
    )
    near = overlaps(found.boxes[:, :, None], every.boxes[:, None])
    same = (found.labels[:, :, None] == every.labels[:, None]) & every.valid[:, None]
    # The nearest counts in any case, also where a box has no area to overlap with.
    nearest = near.masked_fill(~same, -1)
    most = nearest.amax(2, keepdim=True) if nearest.shape[2] else nearest
    share = ((near > overlap) | (nearest == most)) & same
    mass = share * every.scores.unsqueeze(1).clamp(min=1e-6)
    mass = mass / mass.sum(2, keepdim=True).clamp(min=1e-12)
    more = {}
    for part in parts:
        values = getattr(every, part)
        mean = mass @ values.flatten(2)
        more[part] = mean.reshape(*mean.shape[:2], *values.shape[2:]).to(found.boxes.dtype)
    return kind(found.boxes, found.scores, found.labels, found.valid, **more)


def _weighted(found: DetectionBatch, share: Tensor) -> DetectionBatch:
    """With weighted scores, without those that don't count then."""
    scores = found.scores * share
    return replace(found, scores=scores, valid=found.valid & (scores > 0))
