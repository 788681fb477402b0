"""``comparison.json``: everything, for programs."""

import math
from dataclasses import asdict
from typing import Any

from mtl.runs.compare.comparison import EACH_ALONE, Comparison, ComparisonRow, Together


def as_values(comparison: Comparison) -> dict[str, Any]:
    """Plain values; an infinite effect becomes null, since JSON has no word for it."""
    return {
        "columns": list(comparison.columns),
        "by": comparison.by,
        "unit": comparison.unit,
        "test": comparison.test,
        "delta": comparison.delta,
        "reference": (
            EACH_ALONE if comparison.alone else comparison.rows[comparison.reference].label
        ),
        "alone": {task: comparison.rows[place].label for task, place in comparison.alone.items()},
        "metrics": [asdict(metric) for metric in comparison.metrics],
        "chance": dict(comparison.chance),
        "rows": [_row(row) for row in comparison.rows],
        "singles": [
            {"name": own.name, "metrics": {name: asdict(cell) for name, cell in own.cells.items()}}
            for own in comparison.singles
        ],
        "notes": list(comparison.notes),
        "passed_over": [{"path": str(p.path), "reason": p.reason} for p in comparison.passed_over],
    }


def _row(row: ComparisonRow) -> dict[str, Any]:
    return {
        "label": row.label,
        "settings": dict(row.settings),
        "seeds": list(row.seeds),
        "runs": [str(run.path) for run in row.runs],
        "unfinished": [str(run.path) for run in row.unfinished],
        "metrics": {name: asdict(cell) for name, cell in row.cells.items()},
        "costs": dict(row.costs),
        "differences": {name: _finite(asdict(d)) for name, d in row.differences.items()},
        "sentence": row.sentence,
        "together": None if row.together is None else _together(row.together),
    }


def _together(found: Together) -> dict[str, Any]:
    return {
        "tasks": {task: _finite(asdict(change)) for task, change in found.tasks.items()},
        "overall": None if found.overall is None else _finite(asdict(found.overall)),
        "sentence": found.sentence,
    }


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }
