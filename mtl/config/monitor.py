"""What can be followed by checkpoints and early stopping, and which metrics there are."""

from collections.abc import Mapping
from typing import Any, Literal

from mtl.config.nearest import listing, nearest
from mtl.errors import UserError

SMALL_IS_GOOD = ("loss", "mae", "mse")


def mode_of(metric: str) -> Literal["min", "max"]:
    """``min`` for losses and errors, ``max`` for everything else.

    Args:
        metric: full name, such as ``val/box/mae``.
    """
    return "min" if metric.rsplit("/", 1)[-1] in SMALL_IS_GOOD else "max"


def check_monitor(
    monitor: str, heads: Mapping[str, Mapping[str, Any]], key: str = "monitor"
) -> None:
    """See that the monitored value will be logged.

    Args:
        monitor: such as ``val/score`` or ``val/detection/map50``.
        heads: of the chosen tasks.
        key: where it was asked for.

    Raises:
        UserError: lists what will be logged.
    """
    logged = ["val/score", "val/loss"]
    for task, head in heads.items():
        logged.append(f"val/{task}/loss")
        logged += [f"val/{task}/{metric}" for metric in head.get("metrics", ())]
        if head.get("per_class") and monitor.startswith(f"val/{task}/") and "_" in monitor:
            return
    if monitor not in logged:
        hint = "".join(f"; did you mean '{near}'?" for near in nearest(monitor, logged))
        raise UserError(f"{key}={monitor}: is not logged{hint or '.'} There are: {listing(logged)}")


def check_main_metrics(heads: Mapping[str, Mapping[str, Any]]) -> None:
    """See that each task's main metric is one that has to grow.

    Raises:
        UserError: names the task whose first metric is an error.
    """
    for task, head in heads.items():
        main, *others = head["metrics"]
        if mode_of(main) == "min":
            raise UserError(
                f"heads.{task}.metrics: {main} can't come first, since val/score averages the "
                "tasks' first metrics and has to grow; begin with another"
                + (f", as in [{others[0]},{main}]" if others else "")
            )
