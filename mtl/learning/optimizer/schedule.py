"""An optimiser with its schedule, as Lightning wants to be told of them."""

import sys
from typing import Any
from weakref import WeakSet

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

_YET_TO_STEP: WeakSet[Optimizer] = WeakSet()
"""Optimisers whose first step, in this process, is still to come."""


def with_schedule(optimizer: Optimizer, scheduler: Any, monitor: str) -> dict[str, Any]:
    """What ``configure_optimizers`` returns.

    Args:
        optimizer: to step.
        scheduler: stepped after every optimiser step; a plateau once per epoch, by ``look``.
        monitor: name of the metric that a plateau follows.
    """
    _YET_TO_STEP.add(optimizer)
    optimizer.register_step_post_hook(_has_stepped)
    plateau = isinstance(scheduler, ReduceLROnPlateau)
    return {
        "optimizer": optimizer,
        "lr_scheduler": {
            "scheduler": scheduler,
            "interval": "epoch" if plateau else "step",
            # Lightning would warn in each epoch without a value, and has nothing to do with it.
            "frequency": sys.maxsize if plateau else 1,
            "monitor": monitor,
            "strict": False,
        },
    }


def _has_stepped(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
    _YET_TO_STEP.discard(optimizer)


def advance(scheduler: Any) -> None:
    """Step everything but plateaus, which wait for the epoch's metrics.

    Nothing moves before the optimiser's first step either: a gradient scaler (16-mixed) leaves
    out steps until its scale fits, and the schedule's first learning rate is not lost with them.
    """
    if isinstance(scheduler, ReduceLROnPlateau):
        return
    waits = isinstance(scheduler, LRScheduler) and scheduler.optimizer in _YET_TO_STEP
    if not waits:
        scheduler.step()


def look(scheduler: Any, metrics: dict[str, Any], monitor: str) -> None:
    """Let a plateau look at an epoch; other schedules don't.

    Args:
        scheduler: any.
        metrics: of the epoch, by name.
        monitor: the one to follow; without it nothing happens.
    """
    if isinstance(scheduler, ReduceLROnPlateau) and monitor in metrics:
        value = metrics[monitor]
        # An infinite best value could never be beaten; NaN is no progress.
        scheduler.step(value if value.isfinite() else torch.full_like(value, torch.nan))
