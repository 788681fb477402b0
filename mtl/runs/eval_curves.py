"""Tables and curves of ``mtl eval``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as L
from rich.markup import escape
from rich.table import Table

from mtl.data.sources.base import Split
from mtl.drawing.curves.pictures import pictures
from mtl.drawing.write import encoded_png
from mtl.files import write_all, write_json
from mtl.learning.callbacks.curve_watch import CurveWatch
from mtl.learning.module import MultiTaskModule
from mtl.model.curves.base import Curves

MOST = 15
"""Classes of a table; of more it shows those with most to go by."""
WIDEST = 24
"""Letters of a class's name, so that a table has at most 80 columns."""


class FoundCurves(CurveWatch):
    """Keeps the curves of an evaluation, by task."""

    def __init__(self) -> None:
        super().__init__()
        self.curves: dict[str, Curves] = {}

    def found(
        self, trainer: L.Trainer, module: MultiTaskModule, split: Split, curves: dict[str, Curves]
    ) -> None:
        """Keep them."""
        self.curves = curves


def write_curves(curves: Mapping[str, Curves], folder: Path, name: str) -> Path:
    """Write ``curves_<name>.json``, and its pictures ``<name>_<task>_roc.png`` and so on.

    Returns:
        The JSON file.
    """
    path = folder / f"curves_{name}.json"
    write_json(path, curves, indent=None)
    write_all(
        {
            folder / f"{name}_{task}_{picture}.png": encoded_png(canvas)
            for task, own in curves.items()
            for picture, canvas in pictures(own, f"{task}, {name}").items()
        }
    )
    return path


def class_tables(curves: Mapping[str, Curves]) -> list[Table]:
    """One table for each task that has classes, at most 80 columns wide."""
    every = {task: own.get("per_class", []) for task, own in curves.items()}
    return [_table(task, rows) for task, rows in every.items() if len(rows) > 1]


def _table(task: str, every: list[Mapping[str, Any]]) -> Table:
    rows = every
    if len(every) > MOST + 1:
        rows = sorted(every, key=lambda row: -(row.get("support") or 0))[:MOST]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for key in rows[0]:
        first = key == "class"
        table.add_column(
            task if first else key,
            justify="left" if first else "right",
            no_wrap=True,
            overflow="ellipsis",
            max_width=WIDEST if first else None,
        )
    for row in rows:
        table.add_row(*(escape(_cell(value)) for value in row.values()))
    if len(rows) < len(every):
        table.add_row(f"({len(every) - len(rows)} more)")
    return table


def _cell(value: str | float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
