"""Tables for people and pipes."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

PLAIN_WIDTH = 1000
"""Columns where no terminal limits them, so that lines stay whole for other programs."""


def print_rows(
    rows: Sequence[Sequence[str]],
    header: Sequence[str] = (),
    right: Sequence[int] = (),
    styles: Mapping[str, str] | None = None,
) -> None:
    """Print columns without lines.

    Args:
        rows: cells.
        header: column names; none for no header.
        right: numbers of the columns aligned to the right.
        styles: rich styles by the cell's content.
    """
    table = Table(box=None, pad_edge=False, show_header=bool(header), header_style="bold")
    for index in range(len(rows[0]) if rows else 0):
        name = header[index] if header else ""
        table.add_column(name, justify="right" if index in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style=(styles or {}).get(cell, "")) for cell in row))
    table_console().print(table)


def table_console() -> Console:
    """As wide as the terminal; without one, wide enough for all."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)
