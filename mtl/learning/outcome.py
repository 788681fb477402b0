"""What a training's callbacks have to say in results.json."""

from pathlib import Path
from typing import Any

import pytorch_lightning as L
from pytorch_lightning.strategies.launchers import _MultiProcessingLauncher

from mtl.config.protocol import PAPER
from mtl.learning.callbacks.checkpoint import BestAndLast
from mtl.learning.callbacks.early_stopping import ResumableEarlyStopping
from mtl.learning.callbacks.last_epochs import LastEpochs
from mtl.learning.callbacks.task_stopping import TaskStopping
from mtl.learning.checkpoints import read_checkpoint

FOLLOWERS = (BestAndLast, ResumableEarlyStopping, TaskStopping, LastEpochs)
"""Those that know afterwards what a metric did."""


def outcome(trainer: L.Trainer) -> dict[str, Any]:
    """``best_by_monitor``, ``left``, ``protocol`` and its epochs, where there is something to say.

    Args:
        trainer: after ``fit``.
    """
    found: dict[str, Any] = {}
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, BestAndLast) and callback.further:
            found["best_by_monitor"] = callback.by_monitor
        elif isinstance(callback, TaskStopping) and callback.left:
            found["left"] = dict(callback.left)
        elif isinstance(callback, LastEpochs):
            found |= {"protocol": PAPER, "test_epochs": callback.epochs}
    return found


def remember(trainer: L.Trainer, last: Path) -> None:
    """Let callbacks know what those did that forked processes trained with.

    Args:
        trainer: after ``fit``.
        last: the last checkpoint.
    """
    if isinstance(trainer.strategy.launcher, _MultiProcessingLauncher) and last.exists():
        states = read_checkpoint(last)["callbacks"]
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, FOLLOWERS) and callback.state_key in states:
                callback.load_state_dict(states[callback.state_key])
