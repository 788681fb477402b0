"""A few predictions drawn per validation."""

from pathlib import Path
from typing import Any

import pytorch_lightning as L

from mtl.data.batch import Batch
from mtl.drawing.predictions import draw_batch
from mtl.drawing.write import write_png
from mtl.logger.tensorboard import RunTensorBoard


class Figures(L.Callback):
    """Draws the first samples of validation and test with what the network says of them.

    The pictures go to TensorBoard and to ``figures/val.png`` and ``figures/test.png``.

    Args:
        samples: how many.
    """

    def __init__(self, samples: int) -> None:
        self.samples = samples

    def _draw(
        self, trainer: L.Trainer, module: L.LightningModule, batch: Batch, split: str
    ) -> None:
        if not trainer.is_global_zero or trainer.sanity_checking or len(batch) == 0:
            return
        preprocess = trainer.datamodule.preprocess  # type: ignore[attr-defined]
        canvas = draw_batch(
            module.network,  # type: ignore[arg-type]
            batch.image[: self.samples],
            preprocess.mean,
            preprocess.std,
        )
        write_png(Path(trainer.default_root_dir) / "figures" / f"{split}.png", canvas)
        for logger in trainer.loggers:
            if isinstance(logger, RunTensorBoard):
                logger.experiment.add_image(
                    f"{split}/predictions", canvas, trainer.global_step, dataformats="HWC"
                )

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Draw the first batch's first samples."""
        if batch_idx == 0:
            self._draw(trainer, pl_module, batch, "val")

    def on_test_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Draw the first batch's first samples."""
        if batch_idx == 0:
            self._draw(trainer, pl_module, batch, "test")
