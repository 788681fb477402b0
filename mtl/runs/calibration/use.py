"""A run's calibration put into its network."""

from collections.abc import Mapping
from pathlib import Path

from omegaconf import DictConfig

from mtl.config.backbones import without_first_weights
from mtl.config.nearest import listing
from mtl.errors import UserError
from mtl.model.head.base import Head
from mtl.model.network import Network
from mtl.runs.calibration.file import FILE, NAMED, RunCalibration, read_calibration
from mtl.runs.prediction.identity import network_digest
from mtl.terminal import say


def calibrate_network(
    network: Network,
    cfg: DictConfig,
    folder: Path,
    checkpoint: Path,
    asked: bool = False,
) -> RunCalibration | None:
    """Decide from now on as ``calibration.json`` of the run's folder says.

    Args:
        network: with the weights of the checkpoint.
        cfg: the run's configuration, with the user's changes.
        folder: of the run.
        checkpoint: file of the weights.
        asked: whether the user asked for it, and not only left it at what is usual.

    Returns:
        What the network decides with; None where there is no calibration of this network, which is
        said where there is one of another.

    Raises:
        BadFile: the file can't be used.
        UserError: there is none of this network, and it was asked for.
    """
    found = read_calibration(folder)
    anew = f"write: mtl calibrate run={folder}"
    if found is None:
        if asked:
            raise UserError(f"calibrated=true: there is no {folder / FILE}; {anew}")
        return None
    if found.network != identity(cfg, checkpoint):
        why = f"{folder / FILE} is of another checkpoint or of other settings"
        if asked:
            raise UserError(f"calibrated=true: {why}; {anew}, with the same settings")
        say(f"not calibrated: {why}")
        return None
    for task, own in found.tasks.items():
        reason = _unfit(network, task, own.thresholds)
        if reason:
            raise UserError(f"{folder / FILE}: {reason}; {anew}")
    for task, own in found.tasks.items():
        network.head(task).calibration = own
    return found


def identity(cfg: DictConfig, checkpoint: Path) -> str:
    """What tells one network from another; where its first weights came from doesn't matter.

    Args:
        cfg: of the run, with the user's changes.
        checkpoint: file of the weights.
    """
    own = cfg.copy()
    without_first_weights(own)
    return network_digest(own, checkpoint)


def _unfit(network: Network, task: str, thresholds: Mapping[str, float]) -> str | None:
    """What is wrong with a task of the file, if anything."""
    if task not in network.tasks:
        return f"the run has no task {task[:NAMED]!r}"
    head: Head = network.head(task)
    if head.make_calibrator() is None:
        return f"{task} has nothing to calibrate"
    if thresholds and not head.class_thresholds:
        return f"{task} decides nothing by thresholds"
    strange = [name[:NAMED] for name in thresholds if name not in head.target.classes]
    return f"{task} has no class {listing(strange[:3])}" if strange else None
