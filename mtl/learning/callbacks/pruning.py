"""Ending trials of a search that are worse than others were at the same epoch."""

from typing import Any, Literal

import pytorch_lightning as L

from mtl.errors import Pruned
from mtl.learning.fitting import in_training


class Pruning(L.Callback):
    """Tells Optuna the monitored value after each validation, and ends the run where it says so.

    Args:
        storage: of the study, as Optuna names it.
        study: its name.
        trial: number of this run's trial.
        monitor: full name of the metric.
        pruner: ``median`` (worse than the median of the trials before at this epoch, from the sixth
            trial on) or ``hyperband``.
    """

    def __init__(
        self,
        storage: str,
        study: str,
        trial: int,
        monitor: str,
        pruner: Literal["median", "hyperband"],
    ) -> None:
        self.storage = storage
        self.study = study
        self.trial = trial
        self.monitor = monitor
        self.pruner = pruner

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Ask whether to go on.

        Raises:
            Pruned: it is hopeless.
        """
        value = trainer.callback_metrics.get(self.monitor)
        if not in_training(trainer) or value is None:
            return
        epoch = trainer.current_epoch + 1
        hopeless = trainer.is_global_zero and self._is_hopeless(float(value), epoch)
        if trainer.strategy.broadcast(hopeless):
            shown = f"{self.monitor}={float(value):.4g}"
            raise Pruned(f"pruned after epoch {epoch} at {shown}")

    def _is_hopeless(self, value: float, epoch: int) -> bool:
        import optuna

        from mtl.studies import opened

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        pruners: dict[str, Any] = {
            "median": optuna.pruners.MedianPruner,
            "hyperband": optuna.pruners.HyperbandPruner,
        }
        study = optuna.load_study(
            study_name=self.study, storage=opened(self.storage), pruner=pruners[self.pruner]()
        )
        known = study.trials[self.trial]
        trial = optuna.trial.Trial(study, known._trial_id)
        # A run that was cut off has told of this epoch before, perhaps, and goes through it again.
        if epoch not in known.intermediate_values:
            trial.report(value, epoch)
        return trial.should_prune()
