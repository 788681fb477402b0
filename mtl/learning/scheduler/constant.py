"""``scheduler=constant``."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from mtl.learning.scheduler.base import Schedule


@Schedule
def constant(optimizer: Optimizer, *, steps: int, mode: str) -> LambdaLR:
    """The same learning rate throughout; the arguments are those of every schedule."""
    return LambdaLR(optimizer, lambda _: 1.0)
