"""What can be followed by checkpoints and early stopping, and which metrics come first."""

from collections.abc import Mapping
from typing import Any

from mtl.config.measures import declared, measure_of
from mtl.config.nearest import listing, nearest
from mtl.errors import UserError


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
        if head.get("per_class"):
            stems = [name.removesuffix("*") for name in declared(task, head) if name.endswith("*")]
            if any(monitor.startswith(f"val/{task}/{stem}") for stem in stems):
                return
    if monitor not in logged:
        hint = "".join(f"; did you mean '{near}'?" for near in nearest(monitor, logged))
        raise UserError(f"{key}={monitor}: is not logged{hint or '.'} There are: {listing(logged)}")


def check_main_metrics(heads: Mapping[str, Mapping[str, Any]]) -> None:
    """See that every metric is declared, and that each task's first one is a share.

    Raises:
        UserError: names the metric and what is missing.
    """
    for task, head in heads.items():
        if not head["metrics"]:
            raise UserError(
                f"heads.{task}.metrics=[]: name at least one of {listing(declared(task, head))}"
            )
        found = {metric: measure_of(task, metric, head) for metric in head["metrics"]}
        shares = [name for name, m in found.items() if m.is_share]
        main, *_ = found
        if main not in shares:
            raise UserError(
                f"heads.{task}.metrics: {main} can't come first, since val/score averages the "
                "tasks' first metrics, shares that are better the closer they come to 1; "
                "begin with another" + (f", as in [{shares[0]},{main}]" if shares else "")
            )
