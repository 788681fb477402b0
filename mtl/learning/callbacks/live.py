"""A live display of training and evaluation, where there is a terminal."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as L
import torch
from pytorch_lightning.callbacks import Timer
from rich.console import Console

from mtl.config.paths import in_sweep
from mtl.learning.callbacks.checkpoint import BestAndLast
from mtl.learning.callbacks.epoch_told import EpochTold
from mtl.learning.display.bar import Bar, Picture, span, until
from mtl.learning.display.pace import Pace
from mtl.learning.display.table import RunTable
from mtl.learning.module import MultiTaskModule
from mtl.terminal import console as terminal
from mtl.terminal import is_watched


def watched() -> list[L.Callback]:
    """The display where somebody is there to see it."""
    return [LiveProgress(terminal)] if is_watched() else []


class LiveProgress(EpochTold):
    """One bar over the whole training, and above it a row per validation.

    A row shows the loss, the score, each task's main metric and the monitored one, and marks what
    becomes ``best.ckpt``. Nothing is asked of the device: no step waits for the display.

    Args:
        console: of the terminal.
    """

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console
        self.bar = Bar(console)
        self.pace = Pace(time.monotonic())
        self.table: RunTable | None = None
        self.validating = ""
        self.done = 0
        self.epoch_began = 0.0
        self.validated = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take the terminal."""
        if not trainer.is_global_zero:
            return
        metrics = columns(cast(MultiTaskModule, pl_module)) if _validates(trainer) else []
        stays = not in_sweep(Path(trainer.default_root_dir))
        longest = len(_label(trainer, cast(int, trainer.max_epochs)))
        self.table = RunTable(self.console, metrics, longest, stays)
        self.done = trainer.current_epoch * int(trainer.num_training_batches)
        self._begin()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin to count."""
        super().on_train_epoch_start(trainer, pl_module)
        self.epoch_began = time.monotonic()
        self._draw_training(trainer, at_once=True)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, index: int
    ) -> None:
        """Count."""
        self.pace.batch_done(len(batch) * trainer.world_size, time.monotonic())
        self.done = trainer.current_epoch * int(trainer.num_training_batches) + index + 1
        self.validating = ""
        self._draw_training(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """The epoch's row, where it was validated or nothing ever is."""
        self.pace.pause()
        if self.validated or not _validates(trainer):
            checkpoint = trainer.checkpoint_callback
            best = isinstance(checkpoint, BestAndLast) and checkpoint.improves(trainer, pl_module)
            epoch = trainer.current_epoch + 1
            self.tell_of(epoch, self._row(trainer, epoch, best))
        self.validated = False

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Give the terminal back."""
        super().on_train_end(trainer, pl_module)
        self.bar.stop()

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """In training, a pause."""
        self.pace.pause()
        if trainer.state.fn != "fit" and trainer.is_global_zero:
            self._begin()

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        index: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Count."""
        total = _batches(trainer.num_val_batches)
        if trainer.state.fn == "fit":
            self.validating = f"validating {index + 1}/{total}"
            self._draw_training(trainer)
        else:
            self._draw_evaluation(trainer, "val", batch, index + 1, total)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """A row where the epoch goes on."""
        if trainer.state.fn != "fit":
            self.bar.stop()
            return
        self.validated = True
        if not trainer.fit_loop.epoch_loop.batch_progress.is_last_batch:
            self._row(trainer, self.done / int(trainer.num_training_batches), best=False)()

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take the terminal."""
        if trainer.is_global_zero:
            self._begin()

    def on_test_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        index: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Count."""
        total = _batches(trainer.num_test_batches)
        self._draw_evaluation(trainer, "test", batch, index + 1, total)

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Give the terminal back."""
        self.bar.stop()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Give the terminal back."""
        super().on_exception(trainer, pl_module, exception)
        self.bar.stop()

    def _begin(self) -> None:
        self.pace = Pace(time.monotonic())
        self.bar.start()

    def _row(self, trainer: L.Trainer, epoch: float, best: bool) -> Callable[[], None]:
        """What adds a row of how things are now."""
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        seconds = time.monotonic() - self.epoch_began
        took = f"{seconds:.1f} s" if seconds < 100 else span(seconds)

        def add() -> None:
            if self.table is not None:
                self.table.add(_label(trainer, epoch), values, took, best)
                self._draw_training(trainer, at_once=True)

        return add

    def _draw_evaluation(
        self, trainer: L.Trainer, split: str, batch: Any, done: int, total: int
    ) -> None:
        now = time.monotonic()
        self.pace.batch_done(len(batch) * trainer.world_size, now)

        def picture() -> Picture:
            left = self.pace.left(total - done, 0, 0, now)
            return Picture(split, done, total, self._facts(trainer, f"batch {done}/{total}", left))

        self.bar.draw(picture)

    def _draw_training(self, trainer: L.Trainer, at_once: bool = False) -> None:
        self.bar.draw(lambda: self._training(trainer), at_once)

    def _training(self, trainer: L.Trainer) -> Picture:
        epochs, per_epoch = cast(int, trainer.max_epochs), int(trainer.num_training_batches)
        total = epochs * per_epoch
        if trainer.max_steps > 0:
            total = min(total, trainer.max_steps * trainer.accumulate_grad_batches)
        epoch = min(trainer.current_epoch + 1, epochs)
        step = f"step {trainer.global_step}/{int(trainer.estimated_stepping_batches)}"
        doing = self.validating or step
        facts = self._facts(trainer, doing, self._left(trainer, total, per_epoch))
        above = self.table.above if self.table is not None else ()
        return Picture(f"epoch {epoch}/{epochs}", self.done, total, facts, above)

    def _left(self, trainer: L.Trainer, total: int, per_epoch: int) -> float | None:
        """Seconds until the training ends, unless it is stopped before."""
        between = int(min(per_epoch, trainer.val_check_batch or per_epoch))
        pauses = math.ceil((total - self.done) / between)
        if self.pace.pausing and self.done % between == 0:
            pauses += 1
        guess = _batches(trainer.num_val_batches) // 2
        left = self.pace.left(total - self.done, pauses, guess, time.monotonic())
        timer = next((c for c in trainer.callbacks if isinstance(c, Timer)), None)  # type: ignore[attr-defined]
        most = None if timer is None else timer.time_remaining()
        return left if left is None or most is None else min(left, max(0.0, most))

    def _facts(self, trainer: L.Trainer, doing: str, left: float | None) -> list[str]:
        facts = [doing]
        if left is not None:
            facts.append(until(left))
        if (rate := self.pace.images_per_second) is not None:
            facts.append(f"{rate:.0f} images/s")
        device = trainer.strategy.root_device
        if device.type == "cuda":
            facts.append(f"peak {torch.cuda.max_memory_allocated(device) / 2**30:.1f} GiB")
        return facts


def columns(module: MultiTaskModule) -> list[str]:
    """The metrics of a row: loss, score, each task's main one, and the monitored one."""
    network = module.network
    main = [f"val/{task}/{network.head(task).metrics[0]}" for task in network.tasks]
    return list(dict.fromkeys(["val/loss", "val/score", *main, module.monitor]))


def _label(trainer: L.Trainer, epoch: float) -> str:
    """``3/10``, or ``2.50/10`` where epochs are validated in parts."""
    parts = (trainer.val_check_batch or 0) < trainer.num_training_batches
    return f"{epoch:.2f}/{trainer.max_epochs}" if parts else f"{epoch:.0f}/{trainer.max_epochs}"


def _validates(trainer: L.Trainer) -> bool:
    return _batches(trainer.num_val_batches) > 0


def _batches(counts: int | float | Sequence[int | float]) -> int:
    """Batches of all loaders; ours have a length each."""
    return int(sum(counts)) if isinstance(counts, Sequence) else int(counts)
