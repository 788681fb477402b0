"""``scheduler=step``."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from mtl.learning.scheduler.base import Schedule


def step_factor(step: int, steps: int, every: float, factor: float) -> float:
    """Factor on the learning rate at a step; see ``step``."""
    return factor ** (step // max(1, round(every * steps)))


@Schedule
def step(optimizer: Optimizer, *, steps: int, mode: str, every: float, factor: float) -> LambdaLR:
    """The learning rate times a factor after each part of the training.

    Args:
        optimizer: whose groups' learning rates are scaled.
        steps: of the whole training.
        mode: not used here.
        every: the part, as a fraction of the steps, above 0 up to 1.
        factor: above 0 up to 1.
    """
    return LambdaLR(optimizer, lambda number: step_factor(number, steps, every, factor))
