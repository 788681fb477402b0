"""Early stopping that a resumed run remembers."""

import pytorch_lightning as L
from pytorch_lightning.callbacks import EarlyStopping

from mtl.config.monitor import mode_of


class ResumableEarlyStopping(EarlyStopping):
    """Stops when the monitored metric has not improved for a while.

    Lightning's own forgets, when a run is killed after its last epoch and resumed, that it had
    decided to stop, and trains one epoch more.

    Args:
        monitor: full name of the metric.
        patience: validations without progress.
        min_delta: smaller progress is none.
    """

    def __init__(self, monitor: str, patience: int, min_delta: float) -> None:
        super().__init__(
            monitor=monitor, patience=patience, min_delta=min_delta, mode=mode_of(monitor)
        )

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop at once where the decision had been made."""
        if self.wait_count >= self.patience:
            trainer.should_stop = True
