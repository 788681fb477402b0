"""The checkpoints of a run by name."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from mtl.config.monitor import check_monitor
from mtl.config.nearest import unknown
from mtl.errors import UserError

USUAL = ("best", "last")
EVERY_TASK = "tasks"
"""Stands for the main metrics of all tasks."""
KEY = "callbacks.checkpoint.monitors"
KEEPER = "mtl.learning.callbacks.checkpoint.BestAndLast"
"""Who keeps them."""

Monitors = str | Sequence[str]
"""``tasks``, or names of metrics."""


def checkpoint_file(run: str | Path, name: str) -> Path:
    """Where a run keeps a checkpoint.

    Args:
        run: its folder.
        name: ``best``, ``last``, or that of a further best one.
    """
    return Path(run) / "checkpoints" / f"{name}.ckpt"


def best_by_monitor(monitors: Monitors, heads: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The best checkpoints beside that by ``monitor``: ``best_box_iou`` to ``val/box/iou``.

    Args:
        monitors: as configured.
        heads: of the chosen tasks.

    Raises:
        UserError: two would have the same name.
    """
    if monitors == EVERY_TASK:
        monitors = [f"val/{task}/{head['metrics'][0]}" for task, head in heads.items()]
    found: dict[str, str] = {}
    for monitor in monitors:
        # Without its split; names of classes may hold what file names can't.
        _, *parts = monitor.split("/")
        name = re.sub(r"[^\w.-]", "-", "_".join(["best", *parts]))
        if name in found:
            same = found[name] == monitor
            raise UserError(
                f"{KEY}: {monitor} is there twice"
                if same
                else f"{KEY}: {found[name]} and {monitor} would both be kept as {name}"
            )
        found[name] = monitor
    return found


def check_monitors(callbacks: Mapping[str, Any], heads: Mapping[str, Mapping[str, Any]]) -> None:
    """See that every one will be logged and can be kept.

    Args:
        callbacks: the node.
        heads: of the chosen tasks.

    Raises:
        UserError: one can't.
    """
    monitors = _configured(callbacks)
    if monitors != EVERY_TASK:
        for monitor in monitors:
            check_monitor(monitor, heads, KEY)
    best_by_monitor(monitors, heads)


def check_checkpoint(name: str, cfg: DictConfig) -> None:
    """See that a run keeps such a checkpoint.

    Args:
        name: as given for ``checkpoint=``.
        cfg: the run's configuration.

    Raises:
        UserError: it doesn't; lists those that it keeps.
    """
    known = [*USUAL, *best_by_monitor(_configured(cfg.callbacks), cfg.heads)]
    if name not in known:
        raise UserError(f"checkpoint={name}: {unknown('checkpoint', name, known)}")


def need_checkpoint(name: str, cfg: DictConfig, run: Path) -> None:
    """See that a run keeps such a checkpoint, and has got as far as that.

    Args:
        name: see ``check_checkpoint``.
        cfg: likewise.
        run: its folder.

    Raises:
        UserError: it doesn't, or hasn't.
    """
    check_checkpoint(name, cfg)
    path = checkpoint_file(run, name)
    if not path.is_file():
        raise UserError(f"{path} doesn't exist: the run has not finished an epoch")


def _configured(callbacks: Mapping[str, Any] | DictConfig) -> Monitors:
    """None where a class of the user's own keeps the checkpoints, or an older version did."""
    node = callbacks.get("checkpoint") or {}
    monitors: Monitors = node.get("monitors", ())
    return monitors if node.get("_target_") == KEEPER else ()
