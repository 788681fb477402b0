"""What tells one network from another."""

import hashlib
import json
from pathlib import Path

from omegaconf import DictConfig

from mtl.config.instantiate import container

DECIDING = (
    "image_size", "tasks", "preprocess", "views", "backbone", "encoder", "fusion", "ensemble",
    "heads",
)  # fmt: skip
"""Nodes of the configuration without which other things would be decided."""


def network_digest(cfg: DictConfig, checkpoint: Path) -> str:
    """A text that differs whenever other decisions could come out.

    Args:
        cfg: of the run, with the user's changes.
        checkpoint: file of the weights.
    """
    values = container(cfg)
    chosen = json.dumps([values[name] for name in DECIDING], sort_keys=True, default=str)
    with checkpoint.open("rb") as file:
        weights = hashlib.file_digest(file, "sha256")
    return hashlib.sha256(f"{chosen}{weights.hexdigest()}".encode()).hexdigest()[:32]
