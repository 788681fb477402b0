"""A few predictions drawn per validation."""

from typing import Any, cast

import pytorch_lightning as L

from mtl.data.batch import Batch
from mtl.learning.logger.pictures import log_picture
from mtl.model.figures.instances import draw_instances
from mtl.model.figures.predictions import draw_batch
from mtl.model.network import Network


class Figures(L.Callback):
    """Draws the first samples of validation and test with what the network says of them.

    The pictures go to TensorBoard and to ``figures/val.png`` and ``figures/test.png``; where fusion
    weighs the views of an image, ``figures/val_instances.png`` and so on show how.

    Args:
        samples: how many; 0 for no pictures.
    """

    def __init__(self, samples: int) -> None:
        self.samples = samples

    def _draw(
        self, trainer: L.Trainer, module: L.LightningModule, batch: Batch, split: str
    ) -> None:
        nothing = len(batch) == 0 or self.samples == 0
        if nothing or not trainer.is_global_zero or trainer.sanity_checking:
            return
        preprocess = trainer.datamodule.preprocess  # type: ignore[attr-defined]
        image = batch.image[: self.samples]
        network = cast(Network, module.network)
        drawn = {
            "predictions": draw_batch(network, image, preprocess.mean, preprocess.std),
            "instances": draw_instances(network, image, preprocess.mean, preprocess.std),
        }
        for name, canvas in drawn.items():
            if canvas is None:
                continue
            file = f"{split}.png" if name == "predictions" else f"{split}_{name}.png"
            log_picture(trainer, file, f"{split}/{name}", canvas)

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
