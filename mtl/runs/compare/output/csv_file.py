"""``comparison.csv``: a line per row, for spreadsheets and plots."""

import csv
import io
from collections.abc import Sequence

from mtl.runs.compare.comparison import Bounds, Cell, Comparison, ComparisonRow, Difference
from mtl.runs.compare.together import OVERALL

CELL = ("mean", "low", "high", "images_low", "images_high")
TESTED = ("difference", "difference_low", "difference_high", "p", "p_holm", "d_z", "pairs")
AGAINST_0 = ("change", "change_low", "change_high", "p", "p_holm", "d_z", "units")
"""The same of a change against single-task networks, which are shares."""


def as_csv(comparison: Comparison) -> str:
    """Numbers in full; what isn't there is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [metric.name for metric in comparison.metrics]
    heads = [f"{name} {part}" for name in names for part in (*CELL, *TESTED)]
    changed = _changed(comparison)
    heads += [f"together {task or OVERALL} {part}" for task in changed for part in AGAINST_0]
    heads += ["together"] if changed else []
    writer.writerow([*comparison.columns, "seeds", *heads, *comparison.costs])
    for row in comparison.rows:
        settings = [row.settings[column] for column in comparison.columns]
        numbers = [number for name in names for number in _numbers(row, name)]
        numbers += [number for task in changed for number in _tested(_changes(row).get(task))]
        numbers += [row.together.sentence if row.together else None] if changed else []
        costs = [row.costs.get(name) for name in comparison.costs]
        writer.writerow([*settings, "+".join(map(str, row.seeds)), *numbers, *costs])
    return out.getvalue()


def _numbers(row: ComparisonRow, name: str) -> list[object]:
    return [*_of_cell(row.cells.get(name)), *_tested(row.differences.get(name))]


def _changed(comparison: Comparison) -> list[str]:
    """Tasks whose changes are known, in their order; the empty name stands for Δm."""
    return list(dict.fromkeys(task for row in comparison.rows for task in _changes(row)))


def _changes(row: ComparisonRow) -> dict[str, Difference]:
    if row.together is None:
        return {}
    overall = row.together.overall
    return {**row.together.tasks, **({"": overall} if overall is not None else {})}


def _of_cell(cell: Cell | None) -> Sequence[object]:
    if cell is None:
        return [None] * len(CELL)
    return [cell.mean, *_ends(cell.interval), *_ends(cell.over_images)]


def _tested(found: Difference | None) -> Sequence[object]:
    if found is None or not found.values:
        return [None] * len(TESTED)
    tested = found.p, found.adjusted, found.effect
    return [found.mean, *_ends(found.interval), *tested, len(found.values)]


def _ends(bounds: Bounds | None) -> tuple[float | None, float | None]:
    return bounds or (None, None)
