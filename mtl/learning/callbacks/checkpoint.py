"""The best and the last checkpoint, each always whole."""

import math
from pathlib import Path
from typing import Any

import pytorch_lightning as L
from pytorch_lightning.callbacks import Checkpoint


class BestAndLast(Checkpoint):
    """Writes ``checkpoints/last.ckpt`` every epoch, ``best.ckpt`` when the monitor improves.

    Each is written beside its place and moved there in one step, so that a kill in the middle
    leaves the one before. The best one goes first: a kill between the two repeats the epoch from
    the older last one and writes the same best one again. Lightning's own ModelCheckpoint leaves
    the last one out of epochs that are not the best.

    A value that is not finite is never the best; until there is one that is, the latest epoch
    counts as the best.
    """

    def __init__(self) -> None:
        self.best_model_path = ""
        self.last_model_path = ""
        self.best_score: float | None = None

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run has to know."""
        return {"best_score": self.best_score}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The counterpart."""
        self.best_score = state_dict["best_score"]

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Find the folder."""
        folder = Path(trainer.default_root_dir) / "checkpoints"
        folder.mkdir(parents=True, exist_ok=True)
        self.best_model_path = str(folder / "best.ckpt")
        last = folder / "last.ckpt"
        self.last_model_path = str(last) if last.exists() else ""

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write what is due."""
        folder = Path(trainer.default_root_dir) / "checkpoints"
        if self.best_score is None or self.improves(trainer, pl_module):
            self.best_score = _score(trainer, pl_module)
            self._write(trainer, folder / "best.ckpt")
        self._write(trainer, folder / "last.ckpt")
        self.last_model_path = str(folder / "last.ckpt")

    def improves(self, trainer: L.Trainer, pl_module: L.LightningModule) -> bool:
        """Whether the monitor is finite and better than it ever was."""
        score = _score(trainer, pl_module)
        if score is None or self.best_score is None:
            return score is not None
        larger = pl_module.mode_of(str(pl_module.monitor)) == "max"  # type: ignore[operator]
        return score > self.best_score if larger else score < self.best_score

    @staticmethod
    def _write(trainer: L.Trainer, path: Path) -> None:
        part = path.with_suffix(".part")
        try:
            trainer.save_checkpoint(part)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        if trainer.is_global_zero:
            part.replace(path)


def _score(trainer: L.Trainer, pl_module: L.LightningModule) -> float | None:
    """The monitor's value, None where there is none or it is not finite."""
    found = trainer.callback_metrics.get(str(pl_module.monitor))
    return None if found is None or not math.isfinite(found) else float(found)
