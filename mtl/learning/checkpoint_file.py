"""Checkpoints as files."""

import io
from pathlib import Path
from typing import Any

import pytorch_lightning as L
import torch
from lightning_fabric.plugins.io import TorchCheckpointIO
from pytorch_lightning.strategies import DDPStrategy, SingleDeviceStrategy

from mtl.files import write_whole


def write_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain containers, whole or not at all."""
    # Into memory first: torch's own writer has no errno to tell a full disk by.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_whole(path, buffer.getvalue())


class InItsFolder(TorchCheckpointIO):
    """Lightning's way goes through the system's folder for temporary files, which may be small."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write a checkpoint beside its place, and move it there.

        Args:
            checkpoint: content.
            path: of the file.
            storage_options: none of a file's.
        """
        write_checkpoint(Path(path), checkpoint)


def write_in_its_folder(trainer: L.Trainer) -> None:
    """Have a trainer write checkpoints so, where its strategy leaves them in one file.

    Args:
        trainer: before it begins. What a user chose to write with stays.
    """
    strategy = trainer.strategy
    one_file = isinstance(strategy, SingleDeviceStrategy | DDPStrategy)
    if one_file and type(strategy.checkpoint_io) is TorchCheckpointIO:
        strategy.checkpoint_io = InItsFolder()
