"""Callbacks that stop a run and that keep every process's weights, found by name."""

from pathlib import Path
from typing import Any

import pytorch_lightning as L
import torch
from training_kit import write_conf

WATCHED = """\
# Stops on request; keeps weights.
defaults: [default, _self_]
stop: {_target_: unfreezing_kit.Stop, enabled: true}
watch: {_target_: unfreezing_kit.Watch, enabled: true}
"""


class Stop(L.Callback):
    """Ctrl-C in the middle of an epoch, counted from 0."""

    epoch: int | None = None

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        if trainer.current_epoch == Stop.epoch:
            raise KeyboardInterrupt


class Watch(L.Callback):
    """Writes ``epoch<N>-rank<R>.pt`` into the run folder: the weights after that epoch."""

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        name = f"epoch{trainer.current_epoch}-rank{trainer.global_rank}.pt"
        torch.save(pl_module.state_dict(), Path(trainer.default_root_dir) / name)


def write_watched(folder: Path) -> Path:
    """``write_conf`` and ``callbacks=watched``."""
    conf = write_conf(folder)
    (conf / "callbacks").mkdir(exist_ok=True)
    (conf / "callbacks" / "watched.yaml").write_text(WATCHED)
    return conf
