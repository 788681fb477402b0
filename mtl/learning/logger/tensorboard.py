"""TensorBoard events directly in the run folder."""

from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import TensorBoardLogger


class RunTensorBoard(TensorBoardLogger):
    """Lightning's logger, writing into the folder itself.

    Args:
        folder: of the run.
        purge_step: on a resume, the step from which on earlier events don't count; None otherwise.
    """

    def __init__(self, folder: Path, purge_step: int | None = None) -> None:
        super().__init__(
            save_dir=folder, name="", version="", default_hp_metric=False, purge_step=purge_step
        )

    def log_table(self, hyperparameters: dict[str, Any], metrics: dict[str, float]) -> None:
        """Write a row of the HParams table.

        Args:
            hyperparameters: the same keys in every run, or TensorBoard hides some.
            metrics: likewise.
        """
        super().log_hyperparams(hyperparameters, metrics)

    def save(self) -> None:
        """Flush; the configuration is in config.yaml already, no hparams.yaml is needed."""
        self.experiment.flush()
