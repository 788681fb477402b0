"""Evaluating what a run has left."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytorch_lightning as L
from omegaconf import DictConfig

from mtl.config.backbones import without_first_weights
from mtl.config.checkpoint_names import checkpoint_file
from mtl.config.measures import LOSS
from mtl.data.build import build_data
from mtl.data.loading.module import MultiTaskData
from mtl.data.sources.base import Split
from mtl.errors import UserError
from mtl.learning.build import build_module
from mtl.learning.checkpoints import load_network_weights
from mtl.learning.quiet import quiet_lightning
from mtl.learning.trainer import build_trainer, refuse_other_processes
from mtl.model.build import build_network
from mtl.model.network import Network
from mtl.runs.calibration.use import calibrate_network
from mtl.runs.prediction.predictor import known_targets
from mtl.terminal import say


def evaluate(
    cfg: DictConfig,
    folder: Path,
    split: Split,
    checkpoint: str = "best",
    callbacks: Sequence[L.Callback] = (),
    calibrated: bool = False,
) -> dict[str, float]:
    """Metrics of a run's checkpoint over one split, in one process.

    Args:
        cfg: the run's configuration, with overrides.
        folder: of the run.
        split: ``val`` or ``test``.
        checkpoint: which one.
        callbacks: that look on.
        calibrated: whether to decide as ``calibration.json`` of the run says.

    Returns:
        Full metric name to value.

    Raises:
        UserError: there is no checkpoint, no such split, the weights don't fit, the data has
            none of the classes that the run knows, or there is no such calibration.
    """
    quiet_lightning()
    cfg = cfg.copy()
    cfg.trainer.devices, cfg.trainer.strategy = 1, "auto"
    data, network = trained(cfg, folder, checkpoint)
    if calibrated:
        calibrate_network(network, cfg, folder, checkpoint_file(folder, checkpoint), asked=True)
    return evaluate_network(cfg, folder, data, network, split, callbacks)


def trained(
    cfg: DictConfig, folder: Path, checkpoint: str = "best"
) -> tuple[MultiTaskData, Network]:
    """What a run was trained on, in the terms that its network knows, and the network.

    Args:
        cfg: the run's configuration, with overrides.
        folder: of the run.
        checkpoint: which one.

    Raises:
        UserError: there is no checkpoint, the weights don't fit, or the data has none of the
            classes that the run knows.
    """
    path = checkpoint_file(folder, checkpoint)
    if not path.exists():
        raise UserError(f"{path} doesn't exist: the run has not finished an epoch")
    cfg = cfg.copy()
    without_first_weights(cfg)
    data = build_data(cfg)
    data.prepare_data()
    data.in_terms_of(known_targets(cfg, folder, path))
    for note in data.data_set.notes():
        say(note)
    network = build_network(cfg, data.targets)
    load_network_weights(network, path)
    return data, network


def evaluate_network(
    cfg: DictConfig,
    folder: Path,
    data: MultiTaskData,
    network: Network,
    split: Split,
    callbacks: Sequence[L.Callback] = (),
) -> dict[str, float]:
    """Metrics of a network over one split, in one process.

    Args:
        cfg: that trains such a network.
        folder: of its run.
        data: opened.
        network: left on the device that it was evaluated on.
        split: ``val`` or ``test``.
        callbacks: that look on.

    Returns:
        Full metric name to value.

    Raises:
        UserError: there is no such split, or nothing of it is to be evaluated.
    """
    data.required(split)
    refuse_none(cfg, split)
    module = build_module(cfg, network)
    trainer = build_trainer(cfg, folder, list(callbacks), [])
    refuse_other_processes(cfg, trainer)
    run = trainer.test if split == "test" else trainer.validate
    run(module, datamodule=data, verbose=False)
    found = trainer.callback_metrics.items()
    return {name: float(value) for name, value in found if name.startswith(f"{split}/")}


def refuse_none(cfg: DictConfig, split: Split) -> None:
    """See that something of a split is to be evaluated.

    Raises:
        UserError: the run's trainer was told otherwise.
    """
    limit = f"limit_{split}_batches"
    if cfg.trainer.get(limit) == 0:
        raise UserError(
            f"trainer.{limit}=0: nothing of {split} is evaluated; write trainer.{limit}=null"
        )


def by_task(metrics: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Task to metric to value, of full names of one split; without losses and the score of all."""
    found: dict[str, dict[str, float]] = {}
    for name, value in metrics.items():
        _, *parts = name.split("/", 2)
        if len(parts) == 2 and parts[1] != LOSS:
            found.setdefault(parts[0], {})[parts[1]] = value
    return found
