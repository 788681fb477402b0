"""What a training's callbacks have to say in results.json."""

from typing import Any

import pytorch_lightning as L

from mtl.learning.callbacks.checkpoint import BestAndLast
from mtl.learning.callbacks.task_stopping import TaskStopping


def outcome(trainer: L.Trainer) -> dict[str, Any]:
    """``best_by_monitor`` and ``left``, where there is something to say.

    Args:
        trainer: after ``fit``.
    """
    found: dict[str, Any] = {}
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, BestAndLast) and callback.further:
            found["best_by_monitor"] = callback.by_monitor
        elif isinstance(callback, TaskStopping) and callback.left:
            found["left"] = dict(callback.left)
    return found
