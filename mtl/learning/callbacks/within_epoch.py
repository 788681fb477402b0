"""Checkpoints within an epoch: by time, and when a signal asks the run to leave."""

import time
from functools import partial

import pytorch_lightning as L

from mtl.errors import UserError
from mtl.learning.callbacks.checkpoint import BestAndLast
from mtl.learning.fitting import tell
from mtl.learning.module import MultiTaskModule
from mtl.learning.stop import Stop


class WithinEpoch(L.Callback):
    """Writes ``last.ckpt`` between two steps, where it is due or the run has to leave.

    A signal waits for the end of the step, at the last one of an epoch for that of the epoch, when
    ``last.ckpt`` is written anyway. Several processes ask each other at every
    ``trainer.log_every_n_steps`` steps, so that all of them write or leave, whichever got the
    signal. Nothing is written in epochs that are validated in parts, whose validations would be
    lost to a run that goes on behind them.

    Args:
        stop: takes the signals.
    """

    def __init__(self, stop: Stop) -> None:
        self.stop = stop
        self._written = 0.0

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Have the module call when a step is done.

        Raises:
            UserError: checkpoints by time are asked for, and epochs are validated in parts.
        """
        keeper = trainer.checkpoint_callback
        if not isinstance(keeper, BestAndLast) or not isinstance(pl_module, MultiTaskModule):
            return
        if keeper.every_minutes is not None and trainer.val_check_interval not in (None, 1.0):
            raise UserError(
                "callbacks.checkpoint.every_minutes needs trainer.val_check_interval=null: what "
                "validations within an epoch found is not in a checkpoint"
            )
        pl_module.step_done = partial(self._look, trainer, pl_module, keeper)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """From now on signals wait."""
        self._written = time.monotonic()
        self.stop.patient = isinstance(trainer.checkpoint_callback, BestAndLast)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave between two epochs."""
        self._written = time.monotonic()
        if self._together(trainer, self.stop.received is not None):
            self._leave(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave behind the last epoch, or let signals end at once what comes now."""
        self.stop.patient = False
        if self._together(trainer, self.stop.received is not None):
            self._leave(trainer)

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Signals end at once what comes now."""
        self.stop.patient = False

    def _look(self, trainer: L.Trainer, module: MultiTaskModule, keeper: BestAndLast) -> None:
        """Write or leave, if it is time to; called when all of a step is done."""
        batches = trainer.fit_loop.epoch_loop.batch_progress
        if batches.is_last_batch or not self._asks(trainer):
            return
        leaves = self._together(trainer, self.stop.received is not None)
        if not leaves and not self._together(trainer, self._due(keeper)):
            return
        if (trainer.val_check_batch or 0) >= trainer.num_training_batches:
            keeper.write_last(trainer)
            self._written = time.monotonic()
        if leaves:
            self._leave(trainer)

    def _due(self, keeper: BestAndLast) -> bool:
        minutes = keeper.every_minutes
        return minutes is not None and time.monotonic() - self._written >= 60 * minutes

    @staticmethod
    def _asks(trainer: L.Trainer) -> bool:
        every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        return trainer.world_size == 1 or trainer.global_step % every == 0

    @staticmethod
    def _together(trainer: L.Trainer, wish: bool) -> bool:
        """Whether any process wishes it."""
        if trainer.world_size == 1:
            return wish
        return trainer.strategy.reduce_boolean_decision(wish, all=False)

    def _leave(self, trainer: L.Trainer) -> None:
        signal = self.stop.received or "a signal to another process"
        epoch = trainer.current_epoch + 1
        tell(trainer, f"{signal}: leaving in epoch {epoch} after step {trainer.global_step}")
        self.stop.leave()
