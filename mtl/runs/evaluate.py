"""Evaluating what a run has left."""

from collections.abc import Sequence
from pathlib import Path

import pytorch_lightning as L
from omegaconf import DictConfig

from mtl.config.backbones import without_first_weights
from mtl.data.build import build_data
from mtl.data.sources.base import Split
from mtl.errors import UserError
from mtl.learning.build import build_module, build_trainer
from mtl.learning.checkpoints import load_network_weights
from mtl.learning.quiet import quiet_lightning
from mtl.model.build import build_network
from mtl.runs.prediction.predictor import known_targets
from mtl.terminal import say


def evaluate(
    cfg: DictConfig,
    folder: Path,
    split: Split,
    checkpoint: str = "best",
    callbacks: Sequence[L.Callback] = (),
) -> dict[str, float]:
    """Metrics of a run's checkpoint over one split, in one process.

    Args:
        cfg: the run's configuration, with overrides.
        folder: of the run.
        split: ``val`` or ``test``.
        checkpoint: which one.
        callbacks: that look on.

    Returns:
        Full metric name to value.

    Raises:
        UserError: there is no checkpoint, no such split, the weights don't fit, or the data has
            none of the classes that the run knows.
    """
    quiet_lightning()
    path = folder / "checkpoints" / f"{checkpoint}.ckpt"
    if not path.exists():
        raise UserError(f"{path} doesn't exist: the run has not finished an epoch")
    cfg = cfg.copy()
    without_first_weights(cfg)
    cfg.trainer.devices, cfg.trainer.strategy = 1, "auto"
    data = build_data(cfg)
    data.prepare_data()
    data.in_terms_of(known_targets(cfg, folder, path))
    for note in data.data_set.notes():
        say(note)
    data.required(split)
    network = build_network(cfg, data.targets)
    load_network_weights(network, path)
    module = build_module(cfg, network)
    trainer = build_trainer(cfg, folder, list(callbacks), [])
    run = trainer.test if split == "test" else trainer.validate
    run(module, datamodule=data, verbose=False)
    found = trainer.callback_metrics.items()
    return {name: float(value) for name, value in found if name.startswith(f"{split}/")}
