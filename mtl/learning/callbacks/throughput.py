"""How fast a run is, and how long it waits for data."""

import time
from typing import Any

import pytorch_lightning as L


class Throughput(L.Callback):
    """Images per second, and the share of a step spent waiting for data.

    The first steps of each epoch, in which workers start, count too. What is between two steps is
    counted as waiting, transfer and batch augmentation included.
    """

    def __init__(self) -> None:
        self.images = 0
        self.waiting = 0.0
        self.working = 0.0
        self._last = 0.0
        self._before = 0.0
        self._begin = time.perf_counter()

    @property
    def duration(self) -> float:
        """Seconds since the run began, validation included, without the time it lay killed."""
        return self._before + time.perf_counter() - self._begin

    def state_dict(self) -> dict[str, Any]:
        """The counts so far."""
        return {
            "images": self.images,
            "waiting": self.waiting,
            "working": self.working,
            "duration": self.duration,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self.images = state_dict["images"]
        self.waiting = state_dict["waiting"]
        self.working = state_dict["working"]
        self._before = state_dict["duration"]

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin to count."""
        self._last = time.perf_counter()

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """The wait is over."""
        now = time.perf_counter()
        self.waiting += now - self._last
        self._last = now

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """The step is done."""
        now = time.perf_counter()
        self.working += now - self._last
        self._last = now
        self.images += len(batch) * trainer.world_size

    @property
    def images_per_second(self) -> float:
        """Over all training steps; 0 before the first."""
        total = self.waiting + self.working
        return self.images / total if total else 0.0

    @property
    def data_wait(self) -> float:
        """Share of the time between steps, 0..1."""
        total = self.waiting + self.working
        return self.waiting / total if total else 0.0
