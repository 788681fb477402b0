"""Commands to type next."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from mtl.config.groups import members
from mtl.config.member_files import node_of
from mtl.config.overrides import key_of

if TYPE_CHECKING:
    from mtl.data.sample import Target

USUAL = ("classification", "multilabel", "detection", "segmentation")
"""Heads that are proposed before others of their kind."""


def train_command(overrides: Sequence[str], config_dir: Path | None) -> str:
    """``mtl train`` with these overrides, as it is to be typed into a shell."""
    return shlex.join(["mtl", "train", *config_flag(config_dir), *overrides])


def config_flag(config_dir: Path | None) -> list[str]:
    """The option for a user's folder of further members."""
    return [] if config_dir is None else ["--config-dir", str(config_dir)]


def normalised(
    overrides: Sequence[str], cfg: DictConfig, statistics: tuple[list[float], list[float]]
) -> list[str]:
    """The overrides with mean and deviation, unless they say these.

    Args:
        overrides: that the configuration was composed of.
        cfg: the configuration.
        statistics: mean and deviation of each channel.
    """
    group = "backbone" if cfg.preprocess.mean == cfg.backbone.mean else "preprocess"
    pairs = zip((f"{group}.mean", f"{group}.std"), statistics, strict=True)
    said = {key_of(override) for override in overrides}
    missing = [f"{key}=[{','.join(map(str, v))}]" for key, v in pairs if key not in said]
    return [*overrides, *missing]


def tasks_for(
    targets: "Mapping[str, Target]",
    labelled: Collection[str],
    cfg: DictConfig,
    overrides: Sequence[str],
    config_dir: Path | None,
) -> dict[str, str]:
    """The tasks to propose for data: those asked for, else the usual ones of what is labelled.

    Each with its target.

    Args:
        targets: of the data.
        labelled: names of those that some training sample has.
        cfg: the whole configuration.
        overrides: that it was composed of.
        config_dir: a user's folder of further members.
    """
    if any(key_of(override) == "tasks" for override in overrides):
        return {task: str(cfg.heads[task].target) for task in cfg.tasks}
    fitting = [task for task in cfg.tasks if str(cfg.heads[task].target) in labelled]
    heads = members("head", config_dir)
    ordered = [*USUAL, *(name for name in heads if name not in USUAL)]
    kinds = {
        name: node_of("head", name, config_dir).get("kind") for name in ordered if name in heads
    }
    covered = {str(targets[str(cfg.heads[task].target)].kind) for task in fitting}
    found = {task: str(cfg.heads[task].target) for task in fitting}
    said = {name: targets[name] for name in found.values()}
    # Of several data sets' targets of a kind one that is worth a task.
    for name in sorted(labelled, key=lambda name: is_single_class(targets[name])):
        kind = str(targets[name].kind)
        head = next((head for head, its in kinds.items() if its == kind), None)
        if kind not in covered and head is not None and not repeats(targets[name], said):
            found[head] = name
            covered.add(kind)
    worth = {task: name for task, name in found.items() if not is_single_class(targets[name])}
    return worth or found


def missing_targets(tasks: Mapping[str, str], overrides: Sequence[str]) -> list[str]:
    """Overrides that say what tasks learn from, as far as others don't: of several sets' targets.

    Args:
        tasks: each with its target.
        overrides: of the command line.
    """
    said = {key_of(override) for override in overrides}
    keys = {f"heads.{task}.target": target for task, target in tasks.items()}
    return [f"{key}={target}" for key, target in keys.items() if key not in said]


def repeats(target: "Target", others: "Mapping[str, Target]") -> bool:
    """Whether classes of whole images may only say again what others say.

    Those are boxes and masks of these classes, or labels that are called like them.
    """
    if target.kind.placed or not target.classes or target.kind.name == "numbers":
        return False
    own = set(target.classes)
    placed = [other for other in others.values() if other.kind.placed]
    return own <= set(others) or any(own <= set(other.classes) for other in placed)


def is_single_class(target: "Target") -> bool:
    """Whether a target of whole images has one class, which is seldom worth a task."""
    import numpy as np

    is_class = issubclass(target.kind.dtype, np.integer)
    return is_class and not target.kind.placed and len(target.classes) == 1
