"""Configurations that differ in single values are composed once per process, not once per test.

Hydra reads and merges some twenty files for each, which would be a quarter of the time of the
tests. A sweep is planned in the same way; ``test_sweeps`` holds the two against each other.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from omegaconf import DictConfig

from mtl.config.compose import group_choices, with_values
from mtl.errors import UserError

Compose = Callable[[Sequence[str], Path | None], DictConfig]


def composing_once(compose: Compose) -> Compose:
    """A function that answers as ``compose`` does, from fewer compositions."""
    read: dict[tuple[object, ...], DictConfig] = {}

    def quick(overrides: Sequence[str], config_dir: Path | None = None) -> DictConfig:
        chosen = group_choices(overrides, config_dir)
        values = [override for override in overrides if override not in chosen]
        if any(value.startswith(("hydra", "+", "~")) for value in values):
            return compose(overrides, config_dir)
        key = (*chosen, *state(config_dir))
        if key not in read:
            read[key] = compose(chosen, config_dir)
        try:
            return with_values(read[key], values, config_dir)
        except UserError:
            return compose(overrides, config_dir)

    return quick


def state(config_dir: Path | None) -> list[tuple[Path, int, int]]:
    """What a user's folder holds, as far as one can tell without reading it."""
    files = [] if config_dir is None else sorted(config_dir.rglob("*.yaml"))
    return [(f, f.stat().st_mtime_ns, f.stat().st_size) for f in files]
