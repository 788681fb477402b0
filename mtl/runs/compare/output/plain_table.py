"""A comparison as rows of text, for every form of a table."""

from collections.abc import Sequence
from dataclasses import dataclass

from mtl.runs.compare.comparison import Comparison, ComparisonRow
from mtl.runs.compare.names import shortened
from mtl.runs.compare.notes import one_line
from mtl.runs.compare.output.words import (
    COST_HEADS,
    cell_text,
    cost_text,
    difference_text,
    effect_text,
    mark,
    metric_head,
    p_text,
)
from mtl.runs.compare.sentence import metric_names

AGAINST_ALONE = (
    "together against each task alone: mean relative change of a task's metrics (overall: mean "
    "over the tasks), intervals after Holm's correction"
)
"""Over what ``against_alone`` says."""
DIFFERENCE_HEADS = ("metric", "difference", "p", "p (Holm)", "d_z", "pairs")


@dataclass(frozen=True)
class ShownCell:
    """A cell.

    Args:
        text: what it says.
        best: whether it is the best of its column.
        mark: how it stands to the reference.
    """

    text: str
    best: bool = False
    mark: str = ""


@dataclass(frozen=True)
class ShownColumn:
    """A column.

    Args:
        head: two lines, the upper one empty where there is none.
        cells: from top to bottom.
        names: whether it says what a row is, not what came out.
    """

    head: tuple[str, str]
    cells: tuple[ShownCell, ...]
    names: bool = False


def main_columns(comparison: Comparison) -> list[ShownColumn]:
    """Settings, how many units, metrics and costs; below the rows the tasks' own networks."""
    rows, singles = comparison.rows, comparison.singles
    named = tuple(ShownCell(own.name) for own in singles)
    blank = tuple(ShownCell("") for _ in singles)
    columns = [
        ShownColumn(
            ("", name),
            (*(ShownCell(shortened(r.settings[name])) for r in rows), *(blank if place else named)),
            names=True,
        )
        for place, name in enumerate(comparison.columns)
    ]
    if not columns:
        columns.append(row_names(comparison, ""))
    counts = [str(units_of(row)) for row in rows]
    counts += [str(max(len(cell.values) for cell in own.cells.values())) for own in singles]
    columns.append(ShownColumn(("", f"{comparison.unit}s"), tuple(map(ShownCell, counts))))
    for metric in comparison.metrics:
        cells = []
        for row in rows:
            cell = row.cells.get(metric.name)
            told = mark(row.differences.get(metric.name))
            cells.append(
                ShownCell("")
                if cell is None
                else ShownCell(cell_text(cell, metric), cell.best, told)
            )
        for own in singles:
            cell = own.cells.get(metric.name)
            cells.append(ShownCell("" if cell is None else cell_text(cell, metric)))
        columns.append(ShownColumn(metric_head(metric), tuple(cells)))
    for name in comparison.costs:
        texts = (cost_text(name, r.costs[name]) if name in r.costs else "" for r in rows)
        columns.append(ShownColumn(("", COST_HEADS[name]), (*map(ShownCell, texts), *blank)))
    return columns


def row_names(comparison: Comparison, head: str) -> ShownColumn:
    """A single column that says what each row is."""
    labels = [row.label for row in comparison.rows] + [own.name for own in comparison.singles]
    return ShownColumn(("", head), tuple(map(ShownCell, labels)), names=True)


def lines_of(columns: Sequence[ShownColumn]) -> range:
    """The places of the lines of a table."""
    return range(len(columns[0].cells))


def units_of(row: ComparisonRow) -> int:
    """Over how many units a row's numbers are means, at most."""
    return max((len(cell.values) for cell in row.cells.values()), default=len(row.seeds))


def difference_lines(comparison: Comparison) -> list[tuple[str, list[list[str]]]]:
    """Each row's name, and a line per metric: the difference to the reference, and its test."""
    names = metric_names(comparison.metrics)
    found = []
    for row in comparison.rows:
        lines = []
        for metric in comparison.metrics:
            difference = row.differences.get(metric.name)
            if difference is not None and difference.values:
                lines.append(
                    [
                        names[metric.name],
                        f"{difference_text(difference, metric)} {mark(difference) or ' '}",
                        p_text(difference.p),
                        p_text(difference.adjusted),
                        effect_text(difference.effect),
                        str(len(difference.values)),
                    ]
                )
        if lines:
            found.append((row.name, lines))
    return found


def sentences(comparison: Comparison) -> list[tuple[str, str]]:
    """Names of rows and what can be said of them beside the reference."""
    return _named(comparison, [row.sentence for row in comparison.rows])


def against_alone(comparison: Comparison) -> list[tuple[str, str]]:
    """Names of rows and what can be said of them beside single-task networks."""
    found = (row.together for row in comparison.rows)
    return _named(comparison, [together.sentence if together else "" for together in found])


def _named(comparison: Comparison, texts: Sequence[str]) -> list[tuple[str, str]]:
    """Rows of the same sentence are named together; those without one are left out."""
    named: dict[str, list[str]] = {}
    for row, text in zip(comparison.rows, texts, strict=True):
        if text:
            named.setdefault(text, []).append(row.name)
    return [(", ".join(names), text) for text, names in named.items()]


def left_out(comparison: Comparison) -> list[str]:
    """What is missing, in sentences."""
    passed = [f"{passed.path} {passed.reason}" for passed in comparison.passed_over]
    return [one_line(text) for text in (*comparison.notes, *passed)]
