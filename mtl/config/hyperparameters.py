"""What a run was told, as tables of many runs show it."""

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from mtl.config.difference import may_differ

Plain = bool | int | float | str

SHORT_KEYS = ("seed", "epochs", "batch_size", "image_size", "lr")
GROUPS = (
    "data",
    "preprocess",
    "augmentation",
    "views",
    "backbone",
    "encoder",
    "fusion",
    "ensemble",
    "weighting",
    "unfreezing",
    "optimizer",
    "scheduler",
)


def hyperparameters(
    cfg: DictConfig, choices: Mapping[str, Any], overrides: list[str]
) -> dict[str, Plain]:
    """The short keys, the tasks, the choice of every group, and what was overridden and matters.

    Tables show only keys that they know from the first runs, so every run names the same ones.

    Args:
        cfg: the whole configuration.
        choices: the members chosen, by group; a group that is absent is named by its class.
        overrides: of the run, as ``key=value``.
    """
    found = {key: plain(cfg[key]) for key in ("tasks", *SHORT_KEYS)}
    for group in GROUPS:
        found[group] = str(choices.get(group, cfg[group].get("_target_", "")))
    for override in overrides:
        key = override.lstrip("+~").partition("=")[0]
        if may_differ(key):
            continue
        if key in choices:
            found[key] = str(choices[key])
        elif key not in found:
            found[key] = plain(OmegaConf.select(cfg, key))
    return found


def plain(value: Any) -> Plain:
    """A number or text that stands for a value; a list's items are joined by ``+``."""
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple | ListConfig):
        return "+".join(str(plain(item)) for item in value)
    return "none" if value is None else str(value)
