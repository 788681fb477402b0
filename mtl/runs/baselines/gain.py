"""The multi-task gain Δm: how much better tasks are learned together than each alone.

The change of a metric is ±(M_multi - M_single) / |M_single|, with + where the metric got better.
Two means of these are in use, and two signs:

- over tasks, of each task's mean over its metrics (Maninis et al., 2019; Vandenhende et al., 2021;
  LibMTL's Δp): every task counts alike, however many metrics it has;
- over metrics, of all tasks together (Navon et al., 2022, and the tables that follow Nash-MTL): a
  task with five metrics counts five times as much as one with one.

A share below 0, as an R² may be, counts as 0, as it does in the score: the change is -100 % at
worst.

``delta_m`` is positive where multi-task learning helps; ``drop`` is its negative, the sign of
Nash-MTL's tables.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from statistics import fmean
from typing import Literal

from mtl.config.measures import Measure

Over = Literal["tasks", "metrics"]


@dataclass(frozen=True)
class Gain:
    """What tasks gain from being trained together, as shares: 0.02 is two percent better.

    Args:
        changes: task to metric to change; all of them are finite.
        left_out: ``task/metric`` to the reason why there is no change.
    """

    changes: Mapping[str, Mapping[str, float]]
    left_out: Mapping[str, str]

    @property
    def tasks(self) -> dict[str, float]:
        """The mean change of each task that has any."""
        return {task: fmean(own.values()) for task, own in self.changes.items() if own}

    def delta_m(self, over: Over = "tasks") -> float | None:
        """Δm, more is better; None where a task has no change, since a mean of others is another.

        Args:
            over: what counts alike.
        """
        if not self.changes or not all(self.changes.values()):
            return None
        if over == "tasks":
            return fmean(self.tasks.values())
        return fmean(chain.from_iterable(own.values() for own in self.changes.values()))

    def drop(self, over: Over = "tasks") -> float | None:
        """Δm where less is better, as in Nash-MTL's tables."""
        value = self.delta_m(over)
        return None if value is None else -value


def gain(
    multi: Mapping[str, Mapping[str, float]],
    single: Mapping[str, Mapping[str, float]],
    measures: Mapping[str, Mapping[str, Measure]],
) -> Gain:
    """Compare a multi-task run with the single-task runs of its tasks.

    Args:
        multi: task to metric to value.
        single: likewise, of the tasks' own runs.
        measures: task to each metric that counts, to what its head declares.
    """
    changes: dict[str, dict[str, float]] = {}
    left_out: dict[str, str] = {}
    for task, own in measures.items():
        changes[task] = {}
        for metric, measure in own.items():
            together = _counted(multi.get(task, {}).get(metric), measure)
            alone = _counted(single.get(task, {}).get(metric), measure)
            reason = _unusable(together, alone)
            if reason is None:
                assert together is not None
                assert alone is not None
                change = relative_change(together, alone, measure.larger)
                if math.isfinite(change):
                    changes[task][metric] = change
                    continue
                reason = f"{alone:g} alone is too near to 0 to take a share of"
            left_out[f"{task}/{metric}"] = reason
    return Gain(changes, left_out)


def relative_change(together: float, alone: float, larger: bool) -> float:
    """By which share of its value alone a metric got better.

    Args:
        together: value in the multi-task run.
        alone: value in the single-task run, not 0; its sign doesn't turn that of the change.
        larger: whether more is better.
    """
    share = (together - alone) / abs(alone)
    return share if larger else -share


def _counted(value: float | None, measure: Measure) -> float | None:
    """A share below 0 (R²) is worse than nothing, of which nothing is a share either."""
    return 0.0 if value is not None and measure.is_share and value < 0 else value


def _unusable(together: float | None, alone: float | None) -> str | None:
    if together is None:
        return "the run has no value"
    if alone is None:
        return "the task alone has no value"
    if not math.isfinite(together):
        return f"the run's value is {together}"
    if not math.isfinite(alone):
        return f"the value of the task alone is {alone}"
    if alone == 0:
        return "0 alone, of which nothing is a share"
    return None
