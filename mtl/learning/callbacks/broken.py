"""A sample that one process can't read ends the run in all of them."""

from typing import Any

import pytorch_lightning as L
import torch

from mtl.data.loading.module import MultiTaskData
from mtl.errors import UserError


class BrokenSamples(L.Callback):
    """Ends a run of several processes where one of them met a broken sample.

    That one can't just stop: the others would wait for its gradients. They ask each other every
    ``log_every_n_steps`` batches and before anything of an epoch is kept.
    """

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, index: int
    ) -> None:
        """Ask now and then."""
        if (index + 1) % trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            self._ask(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Ask before checkpoints are written."""
        self._ask(trainer)

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Ask before metrics are put together."""
        self._ask(trainer)

    def on_test_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Likewise."""
        self._ask(trainer)

    @staticmethod
    def _ask(trainer: L.Trainer) -> None:
        if trainer.world_size == 1:
            return
        data: MultiTaskData = trainer.datamodule  # type: ignore[attr-defined]
        if not trainer.strategy.reduce_boolean_decision(data.failure is not None, all=False):
            return
        found: list[str | None] = [None] * trainer.world_size
        torch.distributed.all_gather_object(found, data.failure)
        # The first process speaks for all.
        message = next(text for text in found if text is not None)
        raise UserError(message if trainer.is_global_zero else "")
