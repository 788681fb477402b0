"""Looking on while a split is evaluated."""

from abc import ABC, abstractmethod
from typing import cast

import pytorch_lightning as L

from mtl.data.sources.base import Split
from mtl.learning.evaluation import Observer
from mtl.learning.module import MultiTaskModule


class Watch(L.Callback, ABC):
    """Sees what is decided in an evaluation, on the way of its metrics.

    Nothing is read or decided twice.
    """

    _observer: Observer | None = None

    @abstractmethod
    def begin(self, trainer: L.Trainer, module: MultiTaskModule, split: Split) -> Observer | None:
        """Who is to see the evaluation that is about to begin; None for nobody, on all ranks."""

    @abstractmethod
    def end(self, trainer: L.Trainer, module: MultiTaskModule, split: Split) -> None:
        """After an evaluation that was seen, when all ranks know that none of them failed."""

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin."""
        self._begin(trainer, cast(MultiTaskModule, pl_module), "val")

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """End."""
        self._end(trainer, cast(MultiTaskModule, pl_module), "val")

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin."""
        self._begin(trainer, cast(MultiTaskModule, pl_module), "test")

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """End."""
        self._end(trainer, cast(MultiTaskModule, pl_module), "test")

    def _begin(self, trainer: L.Trainer, module: MultiTaskModule, split: Split) -> None:
        self._observer = self.begin(trainer, module, split)
        if self._observer is not None:
            module.evaluation(split).observers.append(self._observer)

    def _end(self, trainer: L.Trainer, module: MultiTaskModule, split: Split) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            module.evaluation(split).observers.remove(observer)
            self.end(trainer, module, split)
