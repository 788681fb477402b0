"""What a search wants to be best, and which way that is."""

from collections.abc import Mapping
from typing import Any, Literal

from mtl.config.measures import mode_of
from mtl.config.monitor import check_monitor
from mtl.errors import UserError

MONITOR, TASKS = "monitor", "tasks"


def objectives_of(values: Mapping[str, Any], wanted: Any) -> tuple[str, ...]:
    """The names of the metrics.

    Args:
        values: a job's configuration.
        wanted: ``monitor``, ``tasks`` (each one's main metric), or names.

    Raises:
        UserError: one isn't logged, or is there twice.
    """
    if wanted == MONITOR:
        return (str(values["monitor"]),)
    heads = values["heads"]
    if wanted == TASKS:
        return tuple(f"val/{task}/{head['metrics'][0]}" for task, head in heads.items())
    for name in wanted:
        check_monitor(name, heads, "sweep.objectives")
    if len(set(wanted)) < len(wanted):
        raise UserError("sweep.objectives: names a metric twice")
    return tuple(wanted)


def directions_of(
    objectives: tuple[str, ...], values: Mapping[str, Any]
) -> list[Literal["minimize", "maximize"]]:
    """``maximize`` or ``minimize`` for each, as the heads declare their metrics."""
    modes = [mode_of(name, values["heads"]) for name in objectives]
    return ["minimize" if mode == "min" else "maximize" for mode in modes]
