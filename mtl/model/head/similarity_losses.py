"""Losses on the distances within a batch; all are 0, with gradient, where nothing compares."""

import torch
from torch import Tensor
from torch.nn import functional as F


def distances(embedding: Tensor) -> Tensor:
    """Euclidean distances between (n, D) rows, (n, n), with a gradient of 0 where they are 0."""
    return torch.cdist(embedding, embedding, compute_mode="donot_use_mm_for_euclid_dist")


def contrastive(distance: Tensor, label: Tensor, margin: float) -> Tensor:
    """Half the squared distance of like pairs, half the squared lack of margin of unlike ones.

    Hadsell, Chopra and LeCun, Dimensionality reduction by learning an invariant mapping, 2006, on
    all pairs of the batch. Like and unlike pairs weigh the same, as if half of the pairs were of
    either kind: among many classes there are hardly any like pairs. A kind that does not occur
    adds 0.

    Args:
        distance: (n, n), at least 0.
        label: (n,) int64 classes.
        margin: distance from which on unlike pairs cost nothing.

    Returns:
        A scalar.
    """
    pair = torch.ones_like(distance, dtype=torch.bool).triu(1)
    same = _same(label)
    pull = _mean(distance.square() / 2, pair & same)
    push = _mean(F.relu(margin - distance).square() / 2, pair & ~same)
    return (pull + push) / 2


def triplet(distance: Tensor, label: Tensor, margin: float) -> Tensor:
    """How much farther the farthest like sample is than the nearest unlike one, plus the margin.

    The mean over the samples that have both. The loss of Schroff, Kalenichenko and Philbin,
    FaceNet, 2015, with plain distances and the batch-hard choice of Hermans, Beyer and Leibe, In
    defense of the triplet loss, 2017.

    Args:
        distance: (n, n), at least 0.
        label: (n,) int64 classes.
        margin: by how much unlike samples have to be farther away.

    Returns:
        A scalar.
    """
    same = _same(label)
    like = _others(same)
    farthest = distance.masked_fill(~like, -torch.inf).amax(1)
    nearest = distance.masked_fill(same, torch.inf).amin(1)
    terms = F.relu(farthest - nearest + margin)
    return _mean(terms, like.any(1) & ~same.all(1))


def triplet_all(distance: Tensor, label: Tensor, margin: float) -> Tensor:
    """As ``triplet``, over all triplets of the batch; the mean over those that are not 0 yet.

    "Batch all" of Hermans et al., 2017. Memory grows with the third power of the batch.
    """
    same = _same(label)
    terms = F.relu(distance.unsqueeze(2) - distance.unsqueeze(1) + margin)
    triplets = _others(same).unsqueeze(2) & ~same.unsqueeze(1)
    return _mean(terms, triplets & (terms > 0))


def relational(distance: Tensor, taught: Tensor) -> Tensor:
    """Huber loss between two sets of distances, each divided by its mean over all pairs.

    The distance-wise loss of Park, Kim, Lu and Cho, Relational knowledge distillation, 2019. It
    compares no coordinates, so that embeddings may differ in dimension and scale.

    Args:
        distance: (n, n), at least 0, of the student.
        taught: (n, n) of the teacher.

    Returns:
        A scalar; the mean over pairs.
    """
    pair = torch.ones_like(distance, dtype=torch.bool).triu(1)
    own, wanted = (_relative(both, pair) for both in (distance, taught))
    return _mean(F.smooth_l1_loss(own, wanted, reduction="none"), pair)


LOSSES = {"contrastive": contrastive, "triplet": triplet, "triplet_all": triplet_all}


def _same(label: Tensor) -> Tensor:
    return label.unsqueeze(0) == label.unsqueeze(1)


def _others(same: Tensor) -> Tensor:
    return same & ~torch.eye(len(same), dtype=torch.bool, device=same.device)


def _relative(distance: Tensor, pair: Tensor) -> Tensor:
    return distance / _mean(distance, pair).clamp(min=torch.finfo(distance.dtype).eps)


def _mean(values: Tensor, counted: Tensor) -> Tensor:
    return (values * counted).sum() / counted.sum().clamp(min=1)
