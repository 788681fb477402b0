"""Probabilities at another temperature: what dividing their logits by it makes of them.

It is had from the probabilities themselves, so that it works for decisions that several views or
copies made together, which have no logits.
"""

import torch
from torch import Tensor


def softmax_at(probabilities: Tensor, temperature: float, dim: int = 1) -> Tensor:
    """softmax(z / T) of softmax(z); the order stays, but for what rounds to one number.

    Args:
        probabilities: with sum 1 over ``dim``.
        temperature: T > 0.
        dim: that of the classes.
    """
    if temperature == 1:
        return probabilities
    least = torch.finfo(probabilities.dtype).tiny
    return (probabilities.clamp(min=least).log() / temperature).softmax(dim)


def sigmoid_at(probabilities: Tensor, temperature: float) -> Tensor:
    """sigmoid(z / T) of sigmoid(z); the order stays, but for what rounds to one number.

    Probabilities that were rounded to 1 (z > 17 in float32) count as the largest number below it.

    Args:
        probabilities: each in 0..1 by itself.
        temperature: T > 0.
    """
    return probabilities if temperature == 1 else (logits(probabilities) / temperature).sigmoid()


def logits(probabilities: Tensor) -> Tensor:
    """z of sigmoid(z), finite throughout."""
    kind = torch.finfo(probabilities.dtype)
    inside = probabilities.clamp(min=kind.tiny, max=1 - kind.eps / 2)
    return inside.log() - (1 - inside).log()
