"""``scheduler=onecycle``."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR

from mtl.learning.scheduler.base import Schedule


@Schedule
def one_cycle(
    optimizer: Optimizer, *, steps: int, mode: str, rise: float, start: float, floor: float
) -> OneCycleLR:
    """Up to each group's learning rate and down again (Smith and Topin, 2018).

    Args:
        optimizer: whose groups' learning rates are the peaks.
        steps: of the whole training.
        mode: not used here.
        rise: fraction of the steps on the way up, 0..1.
        start: first learning rate as a fraction of the peak.
        floor: last learning rate as a fraction of the peak.
    """
    return OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=steps,
        pct_start=rise,
        div_factor=1 / start,
        final_div_factor=start / floor,
    )
