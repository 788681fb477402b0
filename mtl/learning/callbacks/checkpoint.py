"""The best checkpoints and the last one, each always whole."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as L
from pytorch_lightning.callbacks import Checkpoint

from mtl.config.checkpoint_names import Monitors, best_by_monitor
from mtl.files import replacing


@dataclass
class Best:
    """The best value of a metric so far.

    Args:
        monitor: its full name; None for the one that the module names.
        score: None where there was none that is finite.
        epoch: from 1, the one that it is of; without a finite score the last one.
    """

    monitor: str | None = None
    score: float | None = None
    epoch: int = 0

    def take(self, trainer: L.Trainer, pl_module: L.LightningModule) -> bool:
        """Let this epoch be the best one, if it is; whether it is."""
        if self.score is not None and not self.improves(trainer, pl_module):
            return False
        self.score, self.epoch = self._now(trainer, pl_module), trainer.current_epoch + 1
        return True

    def improves(self, trainer: L.Trainer, pl_module: L.LightningModule) -> bool:
        """Whether the value is finite and better than it ever was."""
        score = self._now(trainer, pl_module)
        if score is None or self.score is None:
            return score is not None
        mode = pl_module.mode_of(self._name(pl_module))  # type: ignore[operator]
        return score > self.score if mode == "max" else score < self.score

    def _name(self, pl_module: L.LightningModule) -> str:
        return str(pl_module.monitor) if self.monitor is None else self.monitor

    def _now(self, trainer: L.Trainer, pl_module: L.LightningModule) -> float | None:
        """None where there is none or it is not finite."""
        found = trainer.callback_metrics.get(self._name(pl_module))
        return None if found is None or not math.isfinite(found) else float(found)


class BestAndLast(Checkpoint):
    """Writes ``checkpoints/last.ckpt`` every epoch, ``best.ckpt`` when the monitor improves.

    Each is written beside its place and moved there in one step, so that a kill in the middle
    leaves the one before. The best ones go first: a kill between two repeats the epoch from
    the older last one and writes the same best ones again. Lightning's own ModelCheckpoint leaves
    the last one out of epochs that are not the best.

    A value that is not finite is never the best; until there is one that is, the latest epoch
    counts as the best.

    Args:
        monitors: further metrics, by full name, each of which has a best checkpoint of its own,
            ``best_<task>_<metric>.ckpt``; ``tasks`` for every task's main metric.
        every_minutes: after which the last one is written within an epoch, too, greater than 0;
            None: at the end of each epoch alone (see ``WithinEpoch``).
    """

    def __init__(self, monitors: Monitors = (), every_minutes: float | None = None) -> None:
        self.monitors = monitors
        self.every_minutes = every_minutes
        self.best_model_path = ""
        self.last_model_path = ""
        self.best = Best()
        self.further: dict[str, Best] = {}
        self.kept = 0
        """The last epoch, from 1, at whose end this process has written all that was due."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run has to know."""
        further = {name: asdict(best) for name, best in self.further.items()}
        return {"best": asdict(self.best), "further": further}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The counterpart."""
        if "best_score" in state_dict:
            # An older version knew of one checkpoint, and no more of it.
            self.best = Best(score=state_dict["best_score"])
            return
        self.best = Best(**state_dict["best"])
        self.further = {name: Best(**best) for name, best in state_dict["further"].items()}

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Find the folder, and what there is to follow."""
        folder = Path(trainer.default_root_dir) / "checkpoints"
        folder.mkdir(parents=True, exist_ok=True)
        self.best_model_path = str(folder / "best.ckpt")
        last = folder / "last.ckpt"
        self.last_model_path = str(last) if last.exists() else ""
        if self.monitors and not self.further:
            heads: Any = pl_module.settings["heads"]  # type: ignore[index]
            named = best_by_monitor(self.monitors, heads)
            self.further = {name: Best(monitor) for name, monitor in named.items()}

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write what is due."""
        folder = Path(trainer.default_root_dir) / "checkpoints"
        all_ = {"best": self.best, **self.further}
        # All of this epoch's scores are in each file.
        due = [name for name, best in all_.items() if best.take(trainer, pl_module)]
        for name in due:
            self._write(trainer, folder / f"{name}.ckpt")
        self.write_last(trainer)
        self.kept = trainer.current_epoch + 1

    def write_last(self, trainer: L.Trainer) -> None:
        """Write ``last.ckpt``, at the end of an epoch or between two steps."""
        path = Path(trainer.default_root_dir) / "checkpoints" / "last.ckpt"
        self._write(trainer, path)
        self.last_model_path = str(path)

    def improves(self, trainer: L.Trainer, pl_module: L.LightningModule) -> bool:
        """Whether the run's monitor is finite and better than it ever was."""
        return self.best.improves(trainer, pl_module)

    @property
    def by_monitor(self) -> dict[str, dict[str, Any]]:
        """For results: each further metric's best epoch, score and checkpoint."""
        return {
            str(best.monitor): {"epoch": best.epoch, "score": best.score, "checkpoint": name}
            for name, best in self.further.items()
        }

    @staticmethod
    def _write(trainer: L.Trainer, path: Path) -> None:
        with replacing(path) as part:
            trainer.save_checkpoint(part)
            if trainer.is_global_zero:
                part.replace(path)
