"""One line per epoch, where no terminal shows more (see ``live``)."""

import math
import time
from functools import partial
from pathlib import Path

import pytorch_lightning as L

from mtl.config.paths import in_sweep
from mtl.learning.callbacks.epoch_told import EpochTold
from mtl.terminal import console, is_watched
from mtl.words import agreeing, counted


class EpochLines(EpochTold):
    """Says how many steps there are, and prints loss, score and seconds after each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self._start = 0.0
        self._validated = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Say how long it is."""
        if not _silent(trainer):
            console.print(steps(trainer))

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin to count."""
        super().on_train_epoch_start(trainer, pl_module)
        self._start = time.perf_counter()
        self._validated = False

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """The epoch's line has these numbers to tell; other epochs' would repeat old ones."""
        self._validated = True

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Print, once the epoch's checkpoints are there."""
        if _silent(trainer) or is_watched():
            return
        width = len(str(trainer.max_epochs))
        parts = [f"epoch {trainer.current_epoch + 1:>{width}}/{trainer.max_epochs}"]
        metrics = trainer.callback_metrics if self._validated else {}
        if "val/loss" in metrics:
            parts.append(f"val/loss {float(metrics['val/loss']):.4f}")
        names = ["val/score", *sorted(name for name in metrics if _main(name, pl_module))]
        parts += [f"{name} {float(metrics[name]):.4f}" for name in names if name in metrics]
        parts.append(f"{time.perf_counter() - self._start:.1f} s")
        self.tell_of(trainer.current_epoch + 1, partial(console.print, "  ".join(parts)))


def _silent(trainer: L.Trainer) -> bool:
    """Another process speaks, or jobs of a sweep would mix their lines on a terminal."""
    watched_sweep = console.is_terminal and in_sweep(Path(trainer.default_root_dir))
    return watched_sweep or not trainer.is_global_zero


def steps(trainer: L.Trainer) -> str:
    """``280 steps, 28 per epoch; 56 are done``."""
    total = int(trainer.estimated_stepping_batches)
    each = math.ceil(int(trainer.num_training_batches) / trainer.accumulate_grad_batches)
    before = trainer.global_step
    done = f"; {before} {agreeing(before, 'is', 'are')} done" if before else ""
    return f"{counted(total, 'step')}, {each} per epoch{done}"


def _main(name: str, module: L.LightningModule) -> bool:
    """Whether this is the main validation metric of a task."""
    split, _, rest = name.partition("/")
    task, _, metric = rest.partition("/")
    return split == "val" and bool(metric) and metric == module.network.head(task).metrics[0]  # type: ignore[union-attr, operator]
