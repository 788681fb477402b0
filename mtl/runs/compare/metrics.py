"""Which numbers are compared, and which way they are better."""

import math
from collections.abc import Sequence
from typing import TypeGuard

from mtl.config.measures import CHANGE, GAIN, measure_of_any
from mtl.config.nearest import listing, nearest
from mtl.errors import UserError
from mtl.runs.collection.record import RunRecord
from mtl.runs.compare.comparison import ComparedMetric, Sign

SPLITS = ("test", "val")
MOST_DECIMALS = 8


def compared_metrics(
    runs: Sequence[RunRecord], asked: Sequence[str], delta: Sign
) -> list[ComparedMetric]:
    """The columns of numbers.

    Args:
        runs: finished ones.
        asked: names; none for the main ones of the first split that any run was evaluated on.
        delta: which sign changes are to have.

    Raises:
        UserError: no run has a metric, or it isn't declared which way it is better.
    """
    names = list(dict.fromkeys(_known(name, runs) for name in asked))
    found = [_metric(name, runs, delta) for name in names or main_metrics(runs)]
    if not found:
        raise UserError("these runs have no metrics: evaluate them, or train with test=true")
    return found


def main_metrics(runs: Sequence[RunRecord]) -> list[str]:
    """Each task's main metric, and the change against single tasks, on one split."""
    for split in SPLITS:
        mains = (f"{split}/{task}/{h['metrics'][0]}" for r in runs for task, h in r.heads.items())
        there = {name for run in runs for name in run.metrics}
        found = [n for n in [*dict.fromkeys(mains), f"{split}/{GAIN}"] if n in there]
        if found:
            return found
    return []


def change_metrics(runs: Sequence[RunRecord], delta: Sign) -> list[ComparedMetric]:
    """Each task's change against single-task networks, then Δm, on the first split that has any.

    Args:
        runs: finished ones.
        delta: which sign they are to have.
    """
    there = {name for run in runs for name in run.metrics}
    tasks = dict.fromkeys(task for run in runs for task in run.tasks)
    for split in SPLITS:
        names = [*(f"{split}/{task}/{CHANGE}" for task in tasks), f"{split}/{GAIN}"]
        found = [_change(name, delta) for name in names if name in there]
        if found:
            return found
    return []


def counted_metrics(runs: Sequence[RunRecord], task: str) -> list[str]:
    """Own names of the metrics whose mean a task's change is, the main one first.

    Args:
        runs: finished ones.
        task: whose.
    """
    heads = (run.heads[task] for run in runs if task in run.heads)
    return list(dict.fromkeys(str(name) for head in heads for name in head["metrics"]))


def value_of(run: RunRecord, metric: ComparedMetric, delta: Sign) -> float | None:
    """A run's value as the cells have it; None where it has none that is a number."""
    value = run.metrics.get(metric.name)
    if not is_finite(value):
        return None
    return -float(value) if metric.percent and delta == "drop" else float(value)


def is_finite(value: object) -> TypeGuard[float]:
    """Whether something in a results.json is a number that can be averaged."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _known(name: str, runs: Sequence[RunRecord]) -> str:
    there = {known for run in runs for known in run.metrics}
    for full in (name, *(f"{split}/{name}" for split in SPLITS)):
        if full in there:
            return full
    near = nearest(name, sorted(there)) or nearest(f"test/{name}", sorted(there))
    hint = f"; did you mean {near[0]}?" if near else f". There are: {listing(sorted(there))}"
    raise UserError(f"metrics={name}: no run has it{hint}")


def _metric(name: str, runs: Sequence[RunRecord], delta: Sign) -> ComparedMetric:
    task, own = _parts(name)
    if own in (GAIN, CHANGE):
        return _change(name, delta)
    heads = next(run.heads for run in runs if name in run.metrics)
    measure = measure_of_any(name, heads)
    low, high = measure.low, measure.high
    return ComparedMetric(
        name,
        task,
        own,
        measure.larger,
        decimals=_decimals(name, runs),
        low=low if math.isfinite(low) else None,
        high=high if math.isfinite(high) else None,
    )


def _change(name: str, delta: Sign) -> ComparedMetric:
    larger = delta == "gain"
    return ComparedMetric(name, *_parts(name), larger, percent=True, decimals=1)


def _parts(name: str) -> tuple[str, str]:
    """Task, empty for none, and the metric's own name."""
    task, _, own = name.partition("/")[2].rpartition("/")
    return task, own


def _decimals(name: str, runs: Sequence[RunRecord]) -> int:
    """Three, fewer where values are large, and more where three would leave little of them."""
    values = [abs(v) for run in runs if is_finite(v := run.metrics.get(name))]
    size = max(values, default=0.0)
    if 0.1 <= size < 10 or not size:
        return 3
    return min(MOST_DECIMALS, max(0, (3 if size > 1 else 2) - math.floor(math.log10(size))))
