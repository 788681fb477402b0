"""Early stopping that a resumed run remembers."""

import pytorch_lightning as L
import torch
from pytorch_lightning.callbacks import EarlyStopping
from torch import Tensor

from mtl.terminal import say
from mtl.words import counted


class ResumableEarlyStopping(EarlyStopping):
    """Stops when the monitored metric has not improved for a while.

    Whether it has to grow or to fall is asked of the module. A value that is not finite, or is not
    there, is no progress, and any that is finite is better.

    Lightning's own forgets, when a run is killed after its last epoch and resumed, that it had
    decided to stop, and trains one epoch more.

    Args:
        monitor: full name of the metric.
        patience: validations without progress.
        min_delta: smaller progress is none.
    """

    def __init__(self, monitor: str, patience: int, min_delta: float) -> None:
        super().__init__(monitor=monitor, patience=patience, min_delta=min_delta)
        self.least_progress = min_delta

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Ask which way is better; this comes before the state of a resumed run."""
        super().setup(trainer, pl_module, stage)
        self.mode = pl_module.mode_of(self.monitor)  # type: ignore[operator]
        sign = 1 if self.mode == "max" else -1
        self.min_delta = sign * self.least_progress
        self.best_score = torch.tensor(-sign * torch.inf)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop at once where the decision had been made."""
        if self.wait_count >= self.patience:
            trainer.should_stop = True

    @property
    def reason(self) -> str | None:
        """Why it stops the training; None where it doesn't."""
        if self.wait_count < self.patience:
            return None
        unit = "epoch" if self._check_on_train_epoch_end else "validation"
        return f"{self.monitor} not better for {counted(self.wait_count, unit)}"

    def _run_early_stopping_check(self, trainer: L.Trainer) -> None:
        value = trainer.callback_metrics.get(self.monitor)
        if (value is None or not value.isfinite()) and trainer.is_global_zero:
            found = "has no value" if value is None else f"is {value.item()}"
            say(f"{self.monitor} {found}: early stopping counts it as no progress")
        if value is not None:
            super()._run_early_stopping_check(trainer)
            return
        # Lightning's would end the run with an error.
        stops, _ = self._evaluate_stopping_criteria(torch.tensor(torch.nan))
        if trainer.strategy.reduce_boolean_decision(stops, all=False):
            trainer.should_stop = True

    def _evaluate_stopping_criteria(self, current: Tensor) -> tuple[bool, str | None]:
        """Lightning's would stop at once."""
        if current.isfinite():
            return super()._evaluate_stopping_criteria(current)
        self.wait_count += 1
        stop = self.wait_count >= self.patience
        times = counted(self.wait_count, "time")
        return stop, f"{self.monitor} did not improve {times}" if stop else None
