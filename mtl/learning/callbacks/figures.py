"""A few predictions drawn per validation, and the worst ones of the test split."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytorch_lightning as L

from mtl.data.batch import Batch
from mtl.learning.logger.pictures import is_due, log_picture
from mtl.learning.module import MultiTaskModule
from mtl.learning.worst import WorstSamples
from mtl.model.figures.beside_truth import ShownSample, draw_beside_truth, shown
from mtl.model.figures.instances import draw_instances


class Figures(L.Callback):
    """Draws samples with what is true of them on the left and what the network says on the right.

    The first samples of validation and test, the same ones each time, as ``val/predictions`` and
    ``test/predictions`` and in ``figures/val.png`` and ``figures/test.png``; where fusion weighs
    the views of an image, ``figures/val_instances.png`` and so on show how. Of the test split also
    those on which each task's loss is largest: ``test/worst/<task>``,
    ``figures/test_worst_<task>.png``. Files are of the latest validation; trackers get ten of a
    training.

    Args:
        samples: how many of the first ones; 0 for no pictures.
        worst: how many of the worst ones per task, for which each test sample's loss is computed
            by itself; 0 for none.
    """

    def __init__(self, samples: int, worst: int) -> None:
        self.samples = samples
        self.worst = worst
        self._found: WorstSamples | None = None

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

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Look at all batches from now on."""
        if self.worst:
            module = cast(MultiTaskModule, pl_module)
            self._found = WorstSamples(module.network, self.worst)
            module.test.observers.append(self._found.count)

    def on_test_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Draw what was worst."""
        found, self._found = self._found, None
        if found is None:
            return
        cast(MultiTaskModule, pl_module).test.observers.remove(found.count)
        found.gather(trainer.world_size)
        if not trainer.is_global_zero:
            return
        for task in found.found:
            samples = [replace(bad.sample, remark=f"loss {bad.loss:.4g}") for bad in found.of(task)]
            canvas = _drawn(trainer, pl_module, samples)
            log_picture(trainer, f"test_worst_{task}.png", f"test/worst/{task}", canvas)

    def _draw(
        self, trainer: L.Trainer, module: L.LightningModule, batch: Batch, split: str
    ) -> None:
        nothing = len(batch) == 0 or self.samples == 0
        if nothing or not trainer.is_global_zero or trainer.sanity_checking:
            return
        network = cast(MultiTaskModule, module).network
        first = shown(network, batch, range(min(self.samples, len(batch))))
        canvas = _drawn(trainer, module, first)
        tracked = is_due(trainer)
        log_picture(trainer, f"{split}.png", f"{split}/predictions", canvas, tracked)
        preprocess = trainer.datamodule.preprocess  # type: ignore[attr-defined]
        image = batch.image[: self.samples]
        instances = draw_instances(network, image, preprocess.mean, preprocess.std)
        if instances is not None:
            log_picture(trainer, f"{split}_instances.png", f"{split}/instances", instances, tracked)


def _drawn(
    trainer: L.Trainer, module: L.LightningModule, samples: Sequence[ShownSample]
) -> npt.NDArray[np.uint8]:
    preprocess = trainer.datamodule.preprocess  # type: ignore[attr-defined]
    network = cast(MultiTaskModule, module).network
    return draw_beside_truth(network, samples, preprocess.mean, preprocess.std)
