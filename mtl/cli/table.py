"""Tables for people and pipes."""

import re
from collections.abc import Iterator, Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

PLAIN_WIDTH = 1000
"""Columns where no terminal limits them, so that lines stay whole for other programs."""
GAP = 2
"""Blanks between columns."""
PIECE = re.compile(r"\s*\S[^\s,/+]*[,/+]*")
"""What a line of a cell must not end within: a word, or a part of a path or of a list."""
PART = re.compile(r"\s*[^_-]+[_-]*|[_-]+")
"""Likewise of a word that is too long."""
LONGEST = 40
"""Letters of a piece that isn't broken even so."""


def print_rows(
    rows: Sequence[Sequence[str]],
    header: Sequence[str] = (),
    right: Sequence[int] = (),
    styles: Mapping[str, str] | None = None,
) -> None:
    """Print columns without lines.

    On a terminal that is too narrow the cells of left-aligned columns go on in further lines, each
    of which ends between words. Columns that don't fit even so stand in further tables, with the
    first one repeated.

    Args:
        rows: cells.
        header: column names; none for no header.
        right: numbers of the columns aligned to the right, which hold numbers and stay whole.
        styles: rich styles by the cell's content.
    """
    console = table_console()
    lines = [*([header] if header else []), *rows]
    columns = [*zip(*lines, strict=True)]
    room = console.width if console.is_terminal else None
    least = [
        max(map(cell_len if index in right else _least, cells))
        for index, cells in enumerate(columns)
    ]
    for block in _blocks(least, room):
        whole = [max(map(cell_len, columns[index])) for index in block]
        widths = _widths(whole, [least[index] for index in block], room)
        places = [*zip(block, widths, strict=True)]
        table = Table(box=None, pad_edge=False, show_header=bool(header), header_style="bold")
        for index, width in places:
            name = _text(header[index], width) if header else ""
            justify: JustifyMethod = "right" if index in right else "left"
            table.add_column(name, justify=justify, overflow="fold", width=width)
        for row in rows:
            table.add_row(*(_text(row[i], width, styles) for i, width in places))
        console.print(table)


def wrapped(text: str, width: int) -> list[str]:
    """The lines of a cell, which end between words or after a comma, a plus or a slash.

    Args:
        text: one line or several.
        width: of the cell; a word that is longer ends lines after an underscore or a dash, too, and
            is left to be broken where even that doesn't do.
    """
    found: list[str] = []
    for line in text.split("\n"):
        now = ""
        for piece in _pieces(line, width):
            if now and cell_len(now + piece) > width:
                found.append(now)
                now = piece.lstrip()
            else:
                now += piece
        found.append(now)
    return found


def _pieces(line: str, width: int) -> Iterator[str]:
    for piece in PIECE.findall(line):
        yield from [piece] if cell_len(piece) <= width else PART.findall(piece)


def table_console() -> Console:
    """As wide as the terminal; without one, wide enough for all."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


def _text(cell: str, width: int, styles: Mapping[str, str] | None = None) -> Text:
    return Text("\n".join(wrapped(cell, width)), style=(styles or {}).get(cell, ""))


def _least(text: str) -> int:
    """How narrow a cell can be."""
    return max(min(cell_len(piece.strip()), LONGEST) for piece in [*PIECE.findall(text), ""])


def _blocks(least: Sequence[int], room: int | None) -> Iterator[list[int]]:
    """As many columns at a time as fit, the first one among them; at least one more."""
    if not least:
        return
    block, used = [0], least[0]
    for index, width in list(enumerate(least))[1:]:
        if room is not None and len(block) > 1 and used + GAP + width > room:
            yield block
            block, used = [0], least[0]
        block.append(index)
        used += GAP + width
    yield block


def _widths(whole: Sequence[int], least: Sequence[int], room: int | None) -> list[int]:
    """What each column gets: the widest ones give way first."""
    widths = list(whole)
    while room is not None and sum(widths) + GAP * (len(widths) - 1) > room:
        able = [index for index, width in enumerate(widths) if width > least[index]]
        if not able:
            break
        widths[max(able, key=lambda index: widths[index])] -= 1
    return widths
