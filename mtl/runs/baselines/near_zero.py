"""Baselines so near to 0 that the change of one metric rules the gain.

A change is relative: 0.01 alone and 0.02 together are +100 %, whatever the other tasks do.
"""

from collections.abc import Mapping
from math import isfinite

from mtl.config.measures import Measure
from mtl.runs.baselines.gain import Gain
from mtl.runs.baselines.percent import percent

NEAR = 0.05
"""Share of its range below which a metric is near 0."""
RULES = 0.5
"""Metrics near 0 rule Δm where their parts in it are together as large as all others'."""


def ruling(
    gain: Gain,
    together: Mapping[str, Mapping[str, float]],
    alone: Mapping[str, Mapping[str, float]],
    measures: Mapping[str, Mapping[str, Measure]],
) -> dict[str, float]:
    """The metrics that are near 0 alone, where they rule Δm.

    The range is the one that the head declares. Where that has no end (an error in pixels) it is
    the larger one of the two values.

    Args:
        gain: of a run.
        together: task to metric to value, of the run.
        alone: likewise, of the baselines.
        measures: task to metric to what its head declares.

    Returns:
        ``task/metric`` to its part in Δm, a share as that is; none where there is no Δm.
    """
    if gain.delta_m() is None:
        return {}
    parts = {
        (task, metric): change / len(own) / len(gain.changes)
        for task, own in gain.changes.items()
        for metric, change in own.items()
    }
    near = {
        f"{task}/{metric}": part
        for (task, metric), part in parts.items()
        if part and _near_zero(alone[task][metric], together[task][metric], measures[task][metric])
    }
    total = sum(map(abs, parts.values()))
    return near if sum(map(abs, near.values())) >= RULES * total else {}


def ruled_line(name: str, alone: float, part: float, total: float) -> str:
    """What to say of one metric that rules the gain.

    Args:
        name: ``task/metric``, or with the split before it.
        alone: its value in the baseline.
        part: of ``total`` that its change makes.
        total: Δm.
    """
    return (
        f"{name} is {alone:.3g} alone, so near to 0 that any change is large: {percent(part)} of "
        f"the gain's {percent(total)} come from it; look at its own values"
    )


def _near_zero(alone: float, together: float, measure: Measure) -> bool:
    width = 1.0 if measure.is_share else measure.high - measure.low
    scale = width if isfinite(width) else max(abs(alone), abs(together))
    return abs(alone) < NEAR * scale
