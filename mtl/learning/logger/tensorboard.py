"""TensorBoard events directly in the run folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import TensorBoardLogger
from tensorboard.compat.proto.summary_pb2 import Summary
from torch.utils.tensorboard.summary import hparams


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

    def log_table(
        self, hyperparameters: dict[str, Any], metrics: Sequence[str], columns: Sequence[str]
    ) -> None:
        """Write a row of the HParams table, with zeros.

        Args:
            hyperparameters: the same keys in every run, or TensorBoard hides some.
            metrics: that this run will have.
            columns: metrics of all runs, in any order, or TensorBoard hides some.
        """
        self.log_metrics(dict.fromkeys(metrics, 0.0), 0)
        writer = self.experiment._get_file_writer()
        rows = hparams(hyperparameters, dict.fromkeys(columns, 0.0))  # type: ignore[no-untyped-call]
        for summary in rows:
            writer.add_summary(summary)

    def log_png(self, tag: str, png: bytes, size: tuple[int, ...], step: int) -> None:
        """Write a picture that is encoded already; ``add_image`` encodes it again, and slowly.

        Args:
            tag: of the picture.
            png: what would be in its file.
            size: its height and width.
            step: of the training.
        """
        height, width = size
        image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=png)
        summary = Summary(value=[Summary.Value(tag=tag, image=image)])
        self.experiment._get_file_writer().add_summary(summary, step)

    def save(self) -> None:
        """Flush; the configuration is in config.yaml already, no hparams.yaml is needed."""
        self.experiment.flush()
