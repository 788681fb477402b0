"""A callback that keeps every process's weights, found by name."""

from pathlib import Path

import pytorch_lightning as L
import torch
from training_kit import write_conf

WATCHED = """\
# Keeps weights.
defaults: [default, _self_]
watch: {_target_: unfreezing_kit.Watch}
"""


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
