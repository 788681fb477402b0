"""``scheduler=plateau``."""

from typing import Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from mtl.learning.scheduler.base import Schedule


@Schedule
def plateau(
    optimizer: Optimizer,
    *,
    steps: int,
    mode: Literal["min", "max"],
    factor: float,
    patience: int,
    min_lr: float,
) -> ReduceLROnPlateau:
    """Lower the learning rate when the monitored metric stops getting better.

    Args:
        optimizer: whose groups' learning rates are scaled.
        steps: not used here.
        mode: whether the monitored metric is to become small or large.
        factor: on the learning rate, 0..1.
        patience: validated epochs without progress before it is lowered.
        min_lr: no group goes below.
    """
    return ReduceLROnPlateau(optimizer, mode=mode, factor=factor, patience=patience, min_lr=min_lr)
