"""A run's configuration without its surroundings; nothing here imports torch."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from mtl.config.backbones import without_first_weights
from mtl.config.saved import open_run, read_config


def open_without_data(
    run: str | Path,
    overrides: Sequence[str] = (),
    config_dir: Path | None = None,
    trust: Sequence[str] = (),
    needs_data: bool = False,
) -> DictConfig:
    """A run's configuration where its data set and its first weights may be gone.

    Args:
        run: the run's folder.
        overrides: of its configuration.
        config_dir: a user's folder of further members.
        trust: names of modules whose classes it may name.
        needs_data: whether the data's folders must be there all the same.

    Raises:
        UserError: there is no such run, or an override is wrong.
    """
    overrides = list(overrides)
    if "weights" in read_config(Path(run)).backbone:
        overrides.append("backbone.weights=none")
    cfg = open_run(run, overrides, config_dir, needs_data=needs_data, trust=trust)
    without_first_weights(cfg)
    return cfg
