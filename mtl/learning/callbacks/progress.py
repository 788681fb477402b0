"""One line per epoch, besides the moving bar where there is a terminal."""

import time

import pytorch_lightning as L
from pytorch_lightning.callbacks import RichProgressBar
from rich.console import Console

console = Console(highlight=False, soft_wrap=True)


def bars() -> list[L.Callback]:
    """A moving bar where somebody is there to see it."""
    return [RichProgressBar(refresh_rate=10)] if console.is_terminal else []


class EpochLines(L.Callback):
    """Prints loss, score and seconds after each epoch."""

    def __init__(self) -> None:
        self._start = 0.0

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin to count."""
        self._start = time.perf_counter()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Print."""
        if not trainer.is_global_zero:
            return
        width = len(str(trainer.max_epochs))
        parts = [f"epoch {trainer.current_epoch + 1:>{width}}/{trainer.max_epochs}"]
        metrics = trainer.callback_metrics
        if "val/loss" in metrics:
            parts.append(f"val/loss {float(metrics['val/loss']):.4f}")
        names = ["val/score", *sorted(name for name in metrics if _main(name, pl_module))]
        parts += [f"{name} {float(metrics[name]):.4f}" for name in names if name in metrics]
        parts.append(f"{time.perf_counter() - self._start:.1f} s")
        console.print("  ".join(parts))


def _main(name: str, module: L.LightningModule) -> bool:
    """Whether this is the main validation metric of a task."""
    split, _, rest = name.partition("/")
    task, _, metric = rest.partition("/")
    return split == "val" and bool(metric) and metric == module.network.head(task).metrics[0]  # type: ignore[union-attr, operator]
