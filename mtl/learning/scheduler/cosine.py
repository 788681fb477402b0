"""``scheduler=cosine``."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from mtl.learning.scheduler.base import Schedule


def cosine_factor(step: int, steps: int, warmup: float, floor: float) -> float:
    """Factor on the learning rate at a step; see ``cosine``."""
    rise = round(warmup * steps)
    if step < rise:
        return (step + 1) / rise
    done = (step - rise) / max(1, steps - rise)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


@Schedule
def cosine(optimizer: Optimizer, *, steps: int, mode: str, warmup: float, floor: float) -> LambdaLR:
    """Linear warm-up, then half a cosine (Loshchilov and Hutter, 2017, without restarts).

    Args:
        optimizer: whose groups' learning rates are scaled.
        steps: of the whole training.
        mode: not used here.
        warmup: fraction of the steps, 0..1.
        floor: last learning rate as a fraction of the first, 0..1.
    """
    return LambdaLR(optimizer, lambda step: cosine_factor(step, steps, warmup, floor))
