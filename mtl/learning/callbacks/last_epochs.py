"""``protocol=paper``: what papers report, the mean on test over the last epochs."""

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import fmean
from typing import Any, cast

import pytorch_lightning as L
import torch
from torch import nn

from mtl.data.loading.module import MultiTaskData
from mtl.errors import RunError
from mtl.learning.module import MultiTaskModule

LAST = 10
"""Epochs whose mean is reported, as in MTAN (Liu et al., 2019) and the papers that follow it."""


class LastEpochs(L.Callback):
    """Evaluates the test split after each of the last epochs; nothing is chosen by it.

    Args:
        epochs: of the whole run; all of them count where there are fewer than ``LAST``.
    """

    def __init__(self, epochs: int) -> None:
        self.first = max(1, epochs - LAST + 1)
        self.found: dict[int, dict[str, float]] = {}
        """Epoch, from 1, to its metrics by full name."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run has to know."""
        return {"found": {epoch: dict(values) for epoch, values in self.found.items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The counterpart."""
        self.found = state_dict["found"]

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Evaluate, before the epoch's checkpoint is written."""
        epoch = trainer.current_epoch + 1
        if epoch < self.first:
            return
        module = cast(MultiTaskModule, pl_module)
        data = cast(MultiTaskData, trainer.datamodule)  # type: ignore[attr-defined]
        with _evaluating(module):
            for loaded in data.test_dataloader():
                data.note_broken(loaded.broken)
                batch = data.transfer_batch_to_device(loaded, module.device, 0)
                if len(batch):
                    with trainer.precision_plugin.test_step_context():
                        module.test_step(data.finish(batch, training=False), 0)
            self.found[epoch] = {k: float(v) for k, v in module.test_results().items()}

    @property
    def epochs(self) -> list[int]:
        """Those whose mean it is."""
        return sorted(self.found)

    @property
    def means(self) -> dict[str, float]:
        """Full name to the mean over the epochs that have a value.

        Raises:
            RunError: the run ended before the first of the last epochs.
        """
        if not self.found:
            raise RunError(f"protocol=paper: the run has ended before epoch {self.first}")
        names = dict.fromkeys(name for values in self.found.values() for name in values)
        return {
            name: fmean(values[name] for values in self.found.values() if name in values)
            for name in names
        }


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; every part's own mode comes back."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, training in modes:
            part.training = training
