"""Why a training ended."""

from typing import cast

import pytorch_lightning as L
from pytorch_lightning.callbacks import EarlyStopping, Timer

from mtl.learning.callbacks.early_stopping import ResumableEarlyStopping
from mtl.learning.callbacks.task_stopping import TaskStopping
from mtl.learning.display.bar import span


def why_stopped(trainer: L.Trainer) -> str | None:
    """``stopped after epoch 2 of 12: val/score not better for 1 epoch``.

    Args:
        trainer: after ``fit``.

    Returns:
        None where it went through all of its epochs.
    """
    done, epochs = trainer.current_epoch, cast(int, trainer.max_epochs)
    if done >= epochs:
        return None
    return f"stopped after epoch {done} of {epochs}: {_reason(trainer)}"


def _reason(trainer: L.Trainer) -> str:
    if 0 < trainer.max_steps <= trainer.global_step:
        return f"trainer.max_steps={trainer.max_steps}"
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, ResumableEarlyStopping | TaskStopping):
            if callback.reason is not None:
                return callback.reason
        elif isinstance(callback, EarlyStopping):
            if callback.stopping_reason_message is not None:
                return callback.stopping_reason_message
        elif isinstance(callback, Timer):
            left = callback.time_remaining()
            if left is not None and left <= 0:
                return f"trainer.max_time is over ({span(callback.time_elapsed())})"
    return "a callback asked for it"
