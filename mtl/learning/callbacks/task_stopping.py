"""Early stopping task by task."""

from typing import Any, cast

import pytorch_lightning as L

from mtl.learning.fitting import in_training, need_unused, tell
from mtl.learning.module import MultiTaskModule
from mtl.learning.plateau import Plateau
from mtl.learning.unfreezing.base import StageFreezing
from mtl.words import counted


class TaskStopping(L.Callback):
    """A task whose main metric gets no better leaves, and the training ends when all have left.

    Leaving is for good. With ``drop`` a task leaves the training too: from the next epoch on no
    sample is labelled for it, so that weightings see fewer tasks and what only it reaches stays as
    it is, while it is still evaluated. The last ones to leave are never dropped, since
    ``trainer.min_epochs`` may go on with them.

    A value that is not finite is no progress; a task without any value has no say. While stages are
    still to be unfrozen, nothing counts.

    Args:
        patience: validations without progress, 1 or more.
        min_delta: smaller progress is none.
        drop: whether who has left is trained no more.

    Raises:
        UserError: ``drop`` under a DDP that waits for all gradients; when training begins.
    """

    def __init__(self, patience: int, min_delta: float, drop: bool) -> None:
        self.patience = patience
        self.min_delta = min_delta
        self.drop = drop
        self.watched: dict[str, Plateau] = {}
        self.left: dict[str, int] = {}
        """Task to the epoch, from 1, after which it left."""
        self.dropped: list[str] = []

    @property
    def over(self) -> bool:
        """Whether every task that has a say has left."""
        return bool(self.left) and self.left.keys() == self.watched.keys()

    @property
    def reason(self) -> str | None:
        """Why it stops the training; None where it doesn't."""
        if not self.over:
            return None
        moments = ", ".join(f"{task} after epoch {epoch}" for task, epoch in self.left.items())
        return f"all tasks have left ({self._waited}): {moments}"

    @property
    def _waited(self) -> str:
        return f"not better for {counted(self.patience, 'validation')}"

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run has to know."""
        watched = {task: plateau.state_dict() for task, plateau in self.watched.items()}
        return {"watched": watched, "left": dict(self.left), "dropped": list(self.dropped)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The counterpart."""
        for task, state in state_dict["watched"].items():
            self._watch(task).load_state_dict(state)
        self.left, self.dropped = dict(state_dict["left"]), list(state_dict["dropped"])

    def _watch(self, task: str) -> Plateau:
        return self.watched.setdefault(task, Plateau(self.patience, self.min_delta))

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Refuse what would hang."""
        if self.drop:
            need_unused(trainer, "callbacks.task_stopping.drop")

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop at once where the decision had been made."""
        if self.over:
            trainer.should_stop = True

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave out whoever is dropped."""
        module = cast(MultiTaskModule, pl_module)
        module.network.retired = frozenset(self.dropped)
        for task in self.dropped:
            # Or its last weight would be logged on and on.
            module.weighting.in_force.pop(task, None)

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Leave the network as it was found."""
        cast(MultiTaskModule, pl_module).network.retired = frozenset()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Look at every task that is still there."""
        if not in_training(trainer):
            return
        epoch, epochs = trainer.current_epoch + 1, cast(int, trainer.max_epochs)
        module = cast(MultiTaskModule, pl_module)
        gone = {}
        for task, (metric, value) in self._values(trainer, module).items():
            watch = self._watch(task)
            if _unfreezes(trainer):
                # This validation will count one.
                watch.waited = -1
            if watch.reached(value, module.mode_of(metric)):
                gone[task] = metric
        self.left |= dict.fromkeys(gone, epoch)
        dropped = self.drop and not self.over and epoch < epochs
        self.dropped += gone if dropped else ()
        for task, metric in gone.items():
            then = (
                f"out of the training from epoch {epoch + 1} on"
                if dropped
                else "the training no longer waits for it"
            )
            tell(trainer, f"{task}: {metric} {self._waited}; {then}")
        if self.over:
            trainer.should_stop = True

    def _values(self, trainer: L.Trainer, module: MultiTaskModule) -> dict[str, tuple[str, float]]:
        """Main metric and value of the tasks that are still there and have one."""
        found = {}
        for task in module.network.tasks:
            metric = f"val/{task}/{module.network.head(task).metrics[0]}"
            value = trainer.callback_metrics.get(metric)
            if task not in self.left and value is not None:
                found[task] = (metric, float(value))
        # All ranks go by the first one's numbers, lest they differ in what they train.
        return trainer.strategy.broadcast(found)


def _unfreezes(trainer: L.Trainer) -> bool:
    """Whether a stage is still to begin to train."""
    epoch, epochs = trainer.current_epoch, cast(int, trainer.max_epochs)
    return any(
        callback.more_to_come(epoch, epochs)
        for callback in trainer.callbacks  # type: ignore[attr-defined]
        if isinstance(callback, StageFreezing)
    )
