"""A trained module from its checkpoint alone."""

from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import OmegaConf

from mtl.config.backbones import without_first_weights
from mtl.config.kinds import named_kinds
from mtl.config.upgrade import upgraded
from mtl.errors import UserError
from mtl.learning.build import build_module
from mtl.learning.checkpoints import as_small_as, read_checkpoint, trained_targets
from mtl.model.build import build_network

if TYPE_CHECKING:
    from mtl.learning.module import MultiTaskModule


def restored(path: Path) -> "MultiTaskModule":
    """Network, weighting and optimiser as they were configured, with the checkpoint's weights.

    Neither the data set nor the weights that training began with are needed; a user's own members
    have to be importable.

    Args:
        path: of the checkpoint.

    Returns:
        The module on the CPU, in evaluation mode, not compiled.

    Raises:
        UserError: there is no such file, or it is not one of this framework's.
        BadFile: it can't be read, or holds more than tensors and plain containers.
    """
    saved = read_checkpoint(path)
    cfg = OmegaConf.create(upgraded(saved["mtl"]["settings"])[0])
    targets = trained_targets(path, named_kinds(cfg), saved)
    without_first_weights(cfg)
    cfg.trainer.compile = False
    network = build_network(cfg, targets)
    as_small_as(saved, network)
    module = build_module(cfg, network)
    try:
        module.load_state_dict(saved["state_dict"])
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} doesn't fit its own configuration: {reason}") from error
    return module.eval()
