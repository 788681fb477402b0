"""Commands to type next."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from omegaconf import DictConfig, OmegaConf

from mtl.config.groups import members
from mtl.config.overrides import key_of

if TYPE_CHECKING:
    from mtl.data.sample import Target

USUAL = ("classification", "multilabel", "detection", "segmentation")
"""Heads that are proposed before others of their kind."""


def train_command(overrides: Sequence[str], config_dir: Path | None) -> str:
    """``mtl train`` with these overrides, as it is to be typed into a shell."""
    flag = [] if config_dir is None else ["--config-dir", str(config_dir)]
    return shlex.join(["mtl", "train", *flag, *overrides])


def tasks_for(
    targets: "Mapping[str, Target]",
    labelled: Collection[str],
    cfg: DictConfig,
    overrides: Sequence[str],
    config_dir: Path | None,
) -> list[str]:
    """The tasks to propose for data: those asked for, else the usual ones of what is labelled.

    Args:
        targets: of the data.
        labelled: names of those that some training sample has.
        cfg: the whole configuration.
        overrides: that it was composed of.
        config_dir: a user's folder of further members.
    """
    if any(key_of(override) == "tasks" for override in overrides):
        return list(cfg.tasks)
    fitting = [task for task in cfg.tasks if str(cfg.heads[task].target) in labelled]
    heads = members("head", config_dir)
    ordered = [*USUAL, *(name for name in heads if name not in USUAL)]
    kinds = {
        name: cast(DictConfig, OmegaConf.load(heads[name])).get("kind")
        for name in ordered
        if name in heads
    }
    covered = {str(targets[str(cfg.heads[task].target)].kind) for task in fitting}
    one_class = {n for n in labelled if len(targets[n].classes) == 1 and is_label(targets[n])}
    found = {task: str(cfg.heads[task].target) for task in fitting}
    for name in labelled:
        kind = str(targets[name].kind)
        head = next((head for head, its in kinds.items() if its == kind), None)
        # What images show as a whole may only repeat what boxes and masks say.
        if kind not in covered and head is not None and not (fitting and is_label(targets[name])):
            found[head] = name
            covered.add(kind)
    # What all images have in common can't be learned.
    worth = [task for task, name in found.items() if name not in one_class]
    return worth or list(found)


def is_label(target: "Target") -> bool:
    """Whether a target says of whole images what they show."""
    return str(target.kind) in ("label", "labels")
