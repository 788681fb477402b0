"""Whether separately trained runs can decide together."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from mtl.config.compose import flat
from mtl.config.data_keys import DATA_FRAMEWORK_KEYS
from mtl.config.instantiate import located
from mtl.config.nearest import in_words, listing
from mtl.data.sample import Target
from mtl.errors import UserError
from mtl.model.head.base import Head
from mtl.runs.prediction.predictor import Predictor

OWN_PIXELS = ("mean", "std")
"""What each run's preprocessing may have of its own: it is done on the device."""
LOADING = tuple(key for key in DATA_FRAMEWORK_KEYS if key != "limit")
"""Keys of the data that change no sample."""


def common_tasks(
    members: Sequence[tuple[Path, DictConfig]],
) -> tuple[list[str], dict[str, str]]:
    """The tasks that all runs can decide together, and for each other task why not.

    Raises:
        UserError: they have none in common.
    """
    every = dict.fromkeys(task for _, cfg in members for task in cfg.tasks)
    lacking = {
        task: [str(folder) for folder, cfg in members if task not in cfg.tasks] for task in every
    }
    reasons = {task: f"not in {', '.join(runs)}" for task, runs in lacking.items() if runs}
    for task in [task for task in every if task not in reasons]:
        if not located(members[0][1].heads[task], Head).between_networks:
            reasons[task] = "what it says can't be compared between networks"
    common = [task for task in every if task not in reasons]
    if not common and not all(lacking.values()):
        why = "; ".join(f"{task}: {reason}" for task, reason in reasons.items())
        raise UserError(f"runs have no task to decide together: {why}")
    if not common:
        had = "; ".join(f"{folder} has {listing(cfg.tasks)}" for folder, cfg in members)
        raise UserError(f"runs have no task in common: {had}")
    return common, reasons


def check_agreement(members: Sequence[tuple[Path, DictConfig]], tasks: Sequence[str]) -> None:
    """See that all runs look at the same samples in the same frame and decide in the same terms.

    Args:
        members: folders and configurations; the first is what others are held to.
        tasks: that they have in common.

    Raises:
        UserError: names the run and the setting in which it differs.
    """
    (first, wanted), *others = [(folder, _terms(cfg, tasks)) for folder, cfg in members]
    for folder, terms in others:
        for key in dict.fromkeys([*wanted, *terms]):
            if terms.get(key) != wanted.get(key):
                hint = f" ({key}=... sets it for all)" if key.startswith("data.") else ""
                raise UserError(
                    f"runs: {folder} has {key}={in_words(terms.get(key))}, {first} has "
                    f"{in_words(wanted.get(key))}; to decide together they must agree{hint}"
                )


def _terms(cfg: DictConfig, tasks: Sequence[str]) -> dict[str, Any]:
    """What has to agree, by dotted key."""
    found: dict[str, Any] = {"image_size": cfg.image_size}
    for group, free in (("preprocess", OWN_PIXELS), ("data", LOADING)):
        values = flat(cfg[group])
        found |= {f"{group}.{k}": v for k, v in values.items() if k.split(".")[0] not in free}
    for task in tasks:
        found |= {f"heads.{task}.{key}": cfg.heads[task][key] for key in ("_target_", "target")}
    return found


def check_classes(
    folders: Sequence[Path],
    opened: Sequence[Predictor],
    targets: Mapping[str, Target],
    tasks: Sequence[str],
) -> None:
    """See that all networks know the classes of the data, in the same order.

    Args:
        folders: of the runs.
        opened: their networks, in the same order.
        targets: of the data.
        tasks: that they have in common.

    Raises:
        UserError: names the run and the task.
    """
    for folder, member in zip(folders, opened, strict=True):
        for task in tasks:
            name, target = member.network.target_names[task], member.network.head(task).target
            if target != targets[name]:
                raise UserError(
                    f"runs: {folder} was trained on other classes for {task} "
                    f"({_classes(target)}) than the data has ({_classes(targets[name])})"
                )


def _classes(target: Target) -> str:
    shown = listing(target.titles[:6])
    return f"{shown}, ..." if len(target.classes) > 6 else shown
