"""Several probabilities of the same thing, to one."""

from collections.abc import Sequence

import torch
from torch import Tensor

TIE_BREAK = 0.01
"""Share of the mean probability in a vote: enough to settle ties, too little to turn a majority."""


def weighted_mean(values: Sequence[Tensor], weights: Tensor) -> Tensor:
    """Σ weight · value.

    Args:
        values: M tensors of one shape.
        weights: (M,) with sum 1.
    """
    total = torch.zeros_like(values[0])
    for value, weight in zip(values, weights.unbind(), strict=True):
        total.addcmul_(value, weight.to(value))
    return total


def median(values: Sequence[Tensor]) -> Tensor:
    """The middle value at each place; of an even number of tensors the mean of the middle two."""
    ranked = torch.stack(list(values)).sort(dim=0).values
    low, high = ranked[(len(values) - 1) // 2], ranked[len(values) // 2]
    return (low + high) / 2


def known_mean(values: Sequence[Tensor], weights: Tensor) -> Tensor:
    """Σ weight · value over those that are not NaN, as if there were no others.

    Args:
        values: M tensors of one shape.
        weights: (M,) at least 0.
    """
    total, share = torch.zeros_like(values[0]), torch.zeros_like(values[0])
    for value, weight in zip(values, weights.unbind(), strict=True):
        known = ~value.isnan()
        total += value.where(known, 0) * weight.to(value)
        share += known * weight.to(value)
    return total / share


def known_median(values: Sequence[Tensor]) -> Tensor:
    """``median`` of those that are not NaN; NaN where all are."""
    ranked = torch.stack(list(values)).sort(dim=0).values  # NaN comes last
    known = (~ranked.isnan()).sum(0, keepdim=True)
    low = ranked.gather(0, (known - 1).clamp(min=0) // 2)
    high = ranked.gather(0, (known // 2).clamp(max=len(values) - 1))
    return ((low + high) / 2).squeeze(0)


def plurality(probabilities: Sequence[Tensor]) -> Tensor:
    """Share of the votes for each class; ties go to the class with the higher mean probability.

    Each voter votes for its likeliest class, and divides its vote among classes that are equally
    likely. So one that gives all classes the same probability abstains.

    Args:
        probabilities: M of (n, C, ...), with sum 1 over C.

    Returns:
        (n, C, ...), with sum 1 over C: the shares, and a hundredth (or less) of the means.
    """
    shares = torch.zeros_like(probabilities[0])
    for probability in probabilities:
        best = probability == probability.amax(1, keepdim=True)
        shares += best / best.sum(1, keepdim=True)
    return _settled(shares, probabilities)


def majority(probabilities: Sequence[Tensor], threshold: float) -> Tensor:
    """Share of the voters who say yes; a tie goes with the mean probability.

    Args:
        probabilities: M of (n, C), each in 0..1 by itself.
        threshold: from which on a probability is a yes.

    Returns:
        (n, C) in 0..1.
    """
    shares = torch.zeros_like(probabilities[0])
    for probability in probabilities:
        shares += probability >= threshold
    return _settled(shares, probabilities)


def _settled(votes: Tensor, probabilities: Sequence[Tensor]) -> Tensor:
    count = len(probabilities)
    means = weighted_mean(probabilities, torch.full((count,), 1 / count, dtype=torch.float64))
    # Two shares differ by 1 / count at least, two means by 1 at most.
    return torch.lerp(votes / count, means, min(TIE_BREAK, 0.5 / (count + 1)))
