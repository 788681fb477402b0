"""Relative changes against single-task networks, in percent."""

from mtl.runs.compare.comparison import Cell, ComparedMetric, Difference
from mtl.runs.compare.output.words import cell_text

CHANGE = ComparedMetric("", "", "change", larger=True, percent=True, decimals=1)


def change_text(change: Cell | Difference) -> str:
    """``+4.2 ± 1.1 %``.

    Args:
        change: a share.
    """
    if isinstance(change, Difference):
        change = Cell(change.values, change.mean, change.interval, None, False)
    return cell_text(change, CHANGE)
