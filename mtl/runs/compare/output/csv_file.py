"""``comparison.csv``: a line per row, for spreadsheets and plots."""

import csv
import io
from collections.abc import Sequence

from mtl.runs.compare.comparison import Bounds, Cell, Comparison, ComparisonRow, Difference

CELL = ("mean", "low", "high", "images_low", "images_high")
DIFFERENCE = ("difference", "difference_low", "difference_high", "p", "p_holm", "d_z", "pairs")


def as_csv(comparison: Comparison) -> str:
    """Numbers in full; what isn't there is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [metric.name for metric in comparison.metrics]
    heads = [f"{name} {part}" for name in names for part in (*CELL, *DIFFERENCE)]
    writer.writerow([*comparison.columns, "seeds", *heads, *comparison.costs])
    for row in comparison.rows:
        settings = [row.settings[column] for column in comparison.columns]
        numbers = [number for name in names for number in _numbers(row, name)]
        costs = [row.costs.get(name) for name in comparison.costs]
        writer.writerow([*settings, "+".join(map(str, row.seeds)), *numbers, *costs])
    return out.getvalue()


def _numbers(row: ComparisonRow, name: str) -> list[object]:
    return [*_of_cell(row.cells.get(name)), *_of_difference(row.differences.get(name))]


def _of_cell(cell: Cell | None) -> Sequence[object]:
    if cell is None:
        return [None] * len(CELL)
    return [cell.mean, *_ends(cell.interval), *_ends(cell.over_images)]


def _of_difference(found: Difference | None) -> Sequence[object]:
    if found is None or not found.values:
        return [None] * len(DIFFERENCE)
    tested = found.p, found.adjusted, found.effect
    return [found.mean, *_ends(found.interval), *tested, len(found.values)]


def _ends(bounds: Bounds | None) -> tuple[float | None, float | None]:
    return bounds or (None, None)
