"""Metrics of several runs and of what they decide together, in as many columns as fit."""

from collections.abc import Sequence
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mtl.runs.evaluate_runs import RunsResult

GAP = 2


def show_runs(result: RunsResult, chosen: str, console: Console) -> None:
    """Print a row per metric, and a column per run and one for the ensemble.

    Runs whose names don't fit side by side are numbered, and named below. What doesn't fit even so
    stands in further tables.

    Args:
        result: of ``evaluate_runs``.
        chosen: the ensemble's name.
        console: as wide as the tables may be.
    """
    columns = [*result.runs.values(), result.metrics]
    metrics = [*dict.fromkeys(name for column in columns for name in column)]
    names = [*short_names(list(result.runs)), chosen]
    room = console.width - max(map(cell_len, ["metric", *metrics]))
    legend: dict[str, str] = {}
    cells = [[f"{value:.4f}" for value in column.values()] for column in columns]
    numbers = [max(map(len, own), default=0) for own in cells]
    if sum(map(_width, names, numbers)) > room:
        legend = {str(number): path for number, path in enumerate(result.runs, 1)}
        names = [*legend, chosen]
    together = max(room // max(map(_width, names, numbers)), 1)
    every = [*zip(names, columns, strict=True)]
    for first in range(0, len(every), together):
        block = every[first : first + together]
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("metric", no_wrap=True)
        for name, _ in block:
            table.add_column(Text(name), justify="right", no_wrap=True)
        for metric in metrics:
            own = [column.get(metric) for _, column in block]
            table.add_row(metric, *("" if cell is None else f"{cell:.4f}" for cell in own))
        console.print(table)
    for number, path in legend.items():
        console.print(Text(f"{number}: {path}"), soft_wrap=True)


def short_names(paths: Sequence[str]) -> list[str]:
    """The last parts of paths, as few as tell them apart."""
    parts = [Path(path).parts for path in paths]
    longest = max(map(len, parts))
    for count in range(1, longest + 1):
        names = ["/".join(own[-count:]) for own in parts]
        if len(set(names)) == len(names):
            return names
    return list(paths)


def _width(name: str, number: int) -> int:
    """Of a column with numbers of so many letters."""
    return max(cell_len(name), number) + GAP
