"""Metrics beside those that were compared: shown, not tested."""

from collections.abc import Sequence

import numpy as np

from mtl.config.measures import LOSS, SCORE
from mtl.errors import UserError
from mtl.runs.compare.comparison import Cell, ComparedMetric, Comparison, ComparisonRow
from mtl.runs.compare.metrics import compared_metrics, value_of
from mtl.runs.compare.statistics.mean import mean_interval

MOST = 60
"""On the page."""


def further_metrics(comparison: Comparison, split: str) -> list[ComparedMetric]:
    """All others of a split whose direction is declared.

    Score and loss of a whole run are of its own tasks: where those differ, they are left out.
    """
    runs = [run for row in comparison.rows for run in row.runs]
    known = {metric.name for metric in comparison.metrics}
    if not same_tasks(comparison):
        known |= {f"{split}/{own}" for own in (SCORE, LOSS)}
    names = dict.fromkeys(name for run in runs for name in run.metrics)
    found: list[ComparedMetric] = []
    for name in names:
        if name.startswith(f"{split}/") and name not in known and len(found) < MOST:
            try:
                found += compared_metrics(runs, [name], comparison.delta)
            except UserError:
                continue
    return found


def same_tasks(comparison: Comparison) -> bool:
    """Whether all runs have the same tasks, so that means and sums over them can be compared."""
    return len({frozenset(run.tasks) for row in comparison.rows for run in row.runs}) == 1


def further_cells(
    row: ComparisonRow, metrics: Sequence[ComparedMetric], comparison: Comparison
) -> dict[str, Cell]:
    """Means over a row's runs; with intervals where each run has a seed of its own."""
    cells = {}
    for metric in metrics:
        values = {
            f"{run.seed} {run.path}": value
            for run in row.runs
            if (value := value_of(run, metric, comparison.delta)) is not None
        }
        if values:
            numbers = [*values.values()]
            one_each = len(row.seeds) == len(row.runs)
            interval = mean_interval(numbers) if one_each else None
            cells[metric.name] = Cell(values, float(np.mean(numbers)), interval, None, False)
    return cells
