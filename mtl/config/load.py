"""The whole way from overrides to a checked configuration."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from mtl.config.check import check
from mtl.config.compose import chosen_of, compose
from mtl.config.finalise import final_values


def load(
    overrides: Sequence[str], config_dir: Path | None = None, needs_data: bool = True
) -> DictConfig:
    """Compose, finalise and check.

    Args:
        overrides: as on the command line, without values to sweep over.
        config_dir: a user's folder of further members.
        needs_data: whether the data's folders must be there.

    Returns:
        Plain values for the chosen tasks.

    Raises:
        UserError: anything is wrong with them.
    """
    cfg = compose(overrides, config_dir)
    return check(final_values(cfg), needs_data, chosen=chosen_of(cfg.hydra))
