"""Weightings by the name of their yaml, in float64, and what they make of given losses."""

import math

import torch
from torch import Tensor

from mtl.config.instantiate import make
from mtl.config.member_files import node_of
from mtl.learning.weighting.bases.base import Weighting

L = {"a": 2.0, "b": 0.5, "c": 3.0}


def method(name: str, tasks: str = "abc", **options: object) -> Weighting:
    config = node_of("weighting", name)
    found = make(config | options, Weighting, tasks=list(tasks))
    assert isinstance(found, Weighting)
    return found.double()


def scalars(dtype: torch.dtype = torch.float64, **losses: float) -> dict[str, Tensor]:
    return {task: torch.tensor(x, dtype=dtype, requires_grad=True) for task, x in losses.items()}


def combined(weighting: Weighting, **losses: float) -> tuple[float, dict[str, float]]:
    """The total, and its derivatives by the losses."""
    given = scalars(**losses)
    total = weighting(given)
    slopes = torch.autograd.grad(total, list(given.values()), allow_unused=True)
    return float(total.detach()), {
        t: float(s) for t, s in zip(given, slopes, strict=True) if s is not None
    }


def state(weighting: Weighting) -> dict[str, Tensor]:
    return {k: v.clone() for k, v in weighting.state_dict().items()}


def adam(gradients: list[float], start: float, rate: float, decay: float) -> float:
    """Kingma and Ba's algorithm 1 on one number."""
    x, m, v = start, 0.0, 0.0
    for t, given in enumerate(gradients, 1):
        g = given + decay * x
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        x -= rate * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return x
