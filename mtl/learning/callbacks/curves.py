"""Confusion matrices, ROC and precision-recall curves and calibration of a run."""

from pathlib import Path
from typing import Any, cast

import pytorch_lightning as L

from mtl.data.loading.module import MultiTaskData
from mtl.data.sources.base import Split
from mtl.drawing.curves.pictures import pictures
from mtl.files import read_json, write_json
from mtl.learning.callbacks.checkpoint import BestAndLast
from mtl.learning.callbacks.curve_watch import CurveWatch
from mtl.learning.logger.pictures import log_picture
from mtl.learning.logger.pr_curves import log_pr_curves
from mtl.learning.module import MultiTaskModule
from mtl.model.curves.base import Curves


class RunCurves(CurveWatch):
    """Writes ``curves/test.json`` and its pictures, ``figures/test_<task>_roc.png`` and so on.

    TensorBoard gets the same pictures and the precision-recall curves, and those of validation
    every few times. A run that doesn't evaluate the test split leaves those of validation in its
    best epoch.

    Args:
        every: validations from one that is drawn to the next; 0 for none.
    """

    def __init__(self, every: int) -> None:
        super().__init__()
        self.every = every
        self.validations = 0
        self.latest: dict[str, Curves] | None = None

    def state_dict(self) -> dict[str, Any]:
        """A resumed run counts on."""
        return {"validations": self.validations}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The counterpart."""
        self.validations = state_dict["validations"]

    def asked(self, trainer: L.Trainer, split: Split) -> bool:
        """The test split; validation where it is drawn, or is all there is."""
        if split == "test":
            return True
        self.validations += 1
        return self._drawn or not _tests(trainer)

    @property
    def _drawn(self) -> bool:
        return self.every > 0 and self.validations % self.every == 0

    def found(
        self, trainer: L.Trainer, module: MultiTaskModule, split: Split, curves: dict[str, Curves]
    ) -> None:
        """Write what is due."""
        if split == "test":
            self._write(trainer, split, curves)
        if split == "test" or self._drawn:
            self._draw(trainer, split, curves)
        self.latest = curves if split == "val" else None

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep the best epoch's, where the test split won't be read."""
        curves, self.latest = self.latest, None
        checkpoint = trainer.checkpoint_callback
        if curves is None or _tests(trainer) or not isinstance(checkpoint, BestAndLast):
            return
        if checkpoint.best.score is None or checkpoint.improves(trainer, pl_module):
            self._write(trainer, "val", curves)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Draw the best epoch's, which may lie before a restart."""
        if not _tests(trainer):
            self._draw(trainer, "val", read_json(_file(trainer, "val")))

    @staticmethod
    def _write(trainer: L.Trainer, split: Split, curves: dict[str, Curves]) -> None:
        if trainer.is_global_zero and curves:
            write_json(_file(trainer, split), curves, indent=None)

    @staticmethod
    def _draw(trainer: L.Trainer, split: Split, curves: dict[str, Curves]) -> None:
        if not trainer.is_global_zero:
            return
        for task, own in curves.items():
            for name, canvas in pictures(own, f"{task}, {split}").items():
                log_picture(trainer, f"{split}_{task}_{name}.png", f"{split}/{task}/{name}", canvas)
            log_pr_curves(trainer, f"{split}/{task}", own.get("pr", {}))


def _file(trainer: L.Trainer, split: Split) -> Path:
    return Path(trainer.default_root_dir) / "curves" / f"{split}.json"


def _tests(trainer: L.Trainer) -> bool:
    """Whether the run will evaluate the test split."""
    module = cast(MultiTaskModule, trainer.lightning_module)
    data = cast(MultiTaskData, trainer.datamodule)  # type: ignore[attr-defined]
    return bool(module.settings["test"]) and data.source("test") is not None
