"""Runs that are stopped and go on, for the price of one and a rest of it.

``callbacks=copies`` copies the folder of the run ``whole`` in each epoch; any copy can go on.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as L
from torch import Tensor
from training_kit import checkpoint, same_weights, write_conf

from mtl.config.load import load
from mtl.learning.callbacks.checkpoint import BestAndLast
from mtl.runs.train import train

COPIES = """\
# Keeps what a run would leave that is killed.
defaults: [default, _self_]
copies: {_target_: resume_kit.Copies}
"""


class Copies(L.Callback):
    """Copies the folder ``whole`` to ``stopped<N>`` in the first step of epoch N, from 0."""

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, index: int
    ) -> None:
        folder = Path(trainer.default_root_dir)
        if folder.name == "whole" and index == 0:
            shutil.copytree(folder, folder.with_name(f"stopped{trainer.current_epoch}"))


def copy_at(step: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copy the folder ``whole`` to ``cut`` when its last checkpoint is written at a step.

    With ``callbacks.checkpoint.every_minutes=1e-9`` it is written at every step.
    """
    write = BestAndLast.write_last

    def write_and_copy(self: BestAndLast, trainer: L.Trainer) -> None:
        write(self, trainer)
        if trainer.global_step == step and not (folder / "cut").exists():
            shutil.copytree(folder / "whole", folder / "cut")

    monkeypatch.setattr(BestAndLast, "write_last", write_and_copy)


def write_copying(folder: Path) -> Path:
    """``write_conf`` and ``callbacks=copies``."""
    conf = write_conf(folder)
    (conf / "callbacks").mkdir(exist_ok=True)
    (conf / "callbacks" / "copies.yaml").write_text(COPIES)
    return conf


def resumed(overrides: Sequence[str], folder: Path, epoch: int) -> dict[str, Tensor]:
    """Hold a run that is stopped in an epoch against the unbroken one; its state at the end."""
    cfg = load([*overrides, "callbacks=copies"], write_copying(folder / "conf"))
    train(cfg, folder / "whole")
    train(cfg, folder / f"stopped{epoch}")
    whole, found = (
        checkpoint(folder / name, "last")["state_dict"] for name in ("whole", f"stopped{epoch}")
    )
    assert same_weights(whole, found)
    state: dict[str, Tensor] = found
    return state
