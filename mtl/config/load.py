"""The whole way from overrides to a checked configuration."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from mtl.config.check import check
from mtl.config.compose import compose
from mtl.config.finalise import SWEEP
from mtl.config.many import MadeConfig
from mtl.config.one_run import refuse_sweep


def load(
    overrides: Sequence[str], config_dir: Path | None = None, needs_data: bool = True
) -> DictConfig:
    """Compose, finalise and check.

    Args:
        overrides: as on the command line of one run, with nothing of a sweep.
        config_dir: a user's folder of further members.
        needs_data: whether the data's folders must be there.

    Returns:
        Plain values for the chosen tasks.

    Raises:
        UserError: anything is wrong with them.
    """
    refuse_sweep(overrides)
    values, chosen = made(overrides, config_dir)
    del values[SWEEP]
    return check(values, needs_data, chosen=chosen)


def made(overrides: Sequence[str], config_dir: Path | None) -> MadeConfig:
    """Composed and finalised."""
    return MadeConfig.of(compose(overrides, config_dir))
