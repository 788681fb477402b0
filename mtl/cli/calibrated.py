"""``calibrated=`` of the commands that decide with a run's network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mtl.cli.own_keys import one_of
from mtl.config.checkpoint_names import checkpoint_file

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from mtl.model.network import Network
    from mtl.runs.calibration.file import RunCalibration


def check_calibrated(own: Mapping[str, str]) -> None:
    """Complain unless ``calibrated=`` is true, false, or not there.

    Raises:
        UserError: it is something else.
    """
    one_of("calibrated", own.get("calibrated", "true"), ("true", "false"))


def use_calibration(
    own: Mapping[str, str], network: Network, cfg: DictConfig, folder: Path, checkpoint: str
) -> RunCalibration | None:
    """Decide as ``mtl calibrate`` found, unless that is not wanted, and say so.

    Args:
        own: the command's own keys.
        network: see ``calibrate_network``.
        cfg: likewise.
        folder: likewise.
        checkpoint: its name.

    Raises:
        UserError: see ``calibrate_network``.
    """
    if own.get("calibrated") == "false":
        return None

    from mtl.runs.calibration.use import calibrate_network
    from mtl.terminal import say

    file, asked = checkpoint_file(folder, checkpoint), own.get("calibrated") == "true"
    found = calibrate_network(network, cfg, folder, file, asked)
    if found is not None:
        say(f"calibrated: {found.in_words} (calibrated=false leaves that out)")
    return found
