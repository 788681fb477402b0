"""How many labelled samples an evaluation was of."""

from typing import cast

import pytorch_lightning as L

from mtl.learning.module import MultiTaskModule


class LabelledSamples(L.Callback):
    """Keeps each task's number, of an evaluation apart from a training."""

    def __init__(self) -> None:
        self.samples: dict[str, int] = {}

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Of validation."""
        self.samples = dict(cast(MultiTaskModule, pl_module).val.samples)

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Of the test split."""
        self.samples = dict(cast(MultiTaskModule, pl_module).test.samples)
