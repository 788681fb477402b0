"""A comparison on the terminal: as many columns side by side as fit, the others below."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mtl.cli.table import table_console
from mtl.runs.compare.comparison import Comparison
from mtl.runs.compare.output.basis import at_chance, basis_lines
from mtl.runs.compare.output.plain_table import (
    AGAINST_ALONE,
    DIFFERENCE_HEADS,
    ShownCell,
    ShownColumn,
    against_alone,
    difference_lines,
    left_out,
    lines_of,
    main_columns,
    row_names,
    sentences,
)
from mtl.runs.compare.output.words import BETTER, WORSE, legend
from mtl.runs.page.data import PageData, from_results
from mtl.runs.page.sections.answer import not_known, opening
from mtl.runs.page.sections.together import NOT_KNOWN
from mtl.terminal import in_width
from mtl.words import counted

GAP = 2
NAMES = 0.45
"""Share of the width beyond which the columns that name a row become one."""
LONGEST = 60
"""Lines of the table of differences that anybody reads on a terminal."""
NOTES = 10
SHORT_COSTS = ("parameters", "duration_s")
COLOURS = {BETTER: "green", WORSE: "red"}


def show(comparison: Comparison, whole: bool) -> None:
    """Print it.

    Args:
        comparison: what to print.
        whole: with all costs, every difference, and what is left out of it.
    """
    console = table_console()
    data = from_results(comparison)
    show_answer(data, console)
    shown = comparison if whole else replace(comparison, costs=_shortest(comparison.costs))
    for table in tables(shown, console):
        console.print(table)
        console.print()
    marks = legend(comparison, "bold" if console.is_terminal else "*")
    for line in [*marks, *basis_lines(comparison)]:
        show_line(line, console, "dim")
    for line in at_chance(comparison):
        show_line(line, console, "bold")
    if whole and not_known(data):
        show_line(NOT_KNOWN, console, "dim")
    if found := sentences(comparison):
        console.print()
        show_sentences(found, console)
    if found := against_alone(comparison):
        console.print()
        show_line(AGAINST_ALONE, console, "bold")
        show_sentences(found, console)
    if not whole:
        return
    show_differences(comparison, console)
    if missing := left_out(comparison):
        console.print()
        for text in missing[:NOTES]:
            show_line(text, console)
        if len(missing) > NOTES:
            console.print(f"and {len(missing) - NOTES} more; out=DIR writes all")


def show_answer(data: PageData, console: Console) -> None:
    """Whether the tasks help each other, as far as that can be said, in the words of the page."""
    answers = opening(data)
    if answers is None:
        return
    show_line(answers.question, console, "bold")
    show_line(answers.note, console, "dim")
    for line in answers.lines:
        show_line(f"{line.title}: {line.short}", console, "bold", len(line.title))
    console.print()


def show_sentences(found: Sequence[tuple[str, str]], console: Console) -> None:
    """What can be said of each row; of very many, only of those that differ from the reference."""
    told = found
    if len(found) > LONGEST:
        told = [(name, text) for name, text in found if text.startswith(("better", "worse"))]
    for name, text in told:
        show_line(f"{name}: {text}", console, "bold", len(name))
    if len(told) < len(found):
        console.print(
            f"and {counted(len(found) - len(told), 'sentence')} without a sure difference: "
            "out=DIR writes all"
        )


def show_line(text: str, console: Console, style: str = "", styled: int | None = None) -> None:
    """A sentence, whose lines end between words on a terminal.

    Args:
        text: of one line.
        console: what it has to fit.
        style: of its beginning.
        styled: characters that have it; None for all.
    """
    # A blank becomes the end of a line, so that places stay the same.
    line = Text(in_width(text, console.width) if console.is_terminal else text)
    line.stylize(style, 0, styled)
    console.print(line, soft_wrap=True)


def show_differences(comparison: Comparison, console: Console) -> None:
    """The paired differences, or where to find them."""
    blocks = difference_lines(comparison)
    if not blocks:
        return
    console.print()
    cells = [line for _, lines in blocks for line in lines]
    if len(cells) > LONGEST:
        console.print(f"{counted(len(cells), 'difference')} to the reference: out=DIR writes them")
        return
    reference = comparison.reference_name
    console.print(Text(f"differences to {reference}, by {comparison.unit}", style="bold"))
    widths = [max(map(cell_len, column)) for column in zip(DIFFERENCE_HEADS, *cells, strict=True)]
    console.print(_line(DIFFERENCE_HEADS, widths))
    for name, lines in blocks:
        console.print(Text(name))
        for line in lines:
            console.print(_line(line, widths))


def _line(cells: Sequence[str], widths: Sequence[int]) -> Text:
    """A metric's name below its row's, and numbers to the right."""
    first, *numbers = cells
    text = Text(f"  {set_cell_size(first, widths[0])}")
    for number, width in zip(numbers, widths[1:], strict=True):
        text.append(" " * (GAP + width - cell_len(number)) + number)
    for mark, colour in COLOURS.items():
        text.highlight_words([mark], colour)
    return text


def _shortest(costs: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in costs if name in SHORT_COSTS)


def tables(comparison: Comparison, console: Console) -> Iterator[Table]:
    """One table, or several with the rows' names repeated.

    Args:
        comparison: what to show.
        console: what it has to fit.
    """
    columns = main_columns(comparison)
    names = [column for column in columns if column.names]
    limit = int(NAMES * console.width)
    if sum(_width(column) + GAP for column in names) > limit:
        names = [row_names(comparison, "runs")]
    names = _with_reference(names, comparison.references, len(comparison.rows))
    room = console.width - min(limit, sum(_width(column) + GAP for column in names))
    for block in _blocks([column for column in columns if not column.names], room):
        table = Table(box=None, pad_edge=False, header_style="bold")
        two_lines = any(above for above, _ in (column.head for column in block))
        for column in [*names, *block]:
            head = "\n".join(column.head if two_lines else column.head[1:])
            table.add_column(
                Text(head),
                justify="left" if column.names else "right",
                overflow="fold",
                no_wrap=not column.names,
                max_width=limit - GAP if column.names else None,
            )
        for place in lines_of(columns):
            shown = [column.cells[place] for column in [*names, *block]]
            table.add_row(*(_text(cell, console.is_terminal) for cell in shown))
        yield table


def _with_reference(
    names: list[ShownColumn], references: Sequence[int], rows: int
) -> list[ShownColumn]:
    """The first column says which row is the reference, or which are."""
    if rows < 2:
        return names
    first, *others = names
    cells = list(first.cells)
    for place in references:
        cells[place] = ShownCell(f"{cells[place].text} (reference)".strip())
    return [ShownColumn(first.head, tuple(cells), names=True), *others]


def _blocks(columns: Sequence[ShownColumn], room: int) -> Iterator[list[ShownColumn]]:
    """As many columns at a time as fit; at least one."""
    block: list[ShownColumn] = []
    used = 0
    for column in columns:
        width = _width(column) + GAP
        if block and used + width > room:
            yield block
            block, used = [], 0
        block.append(column)
        used += width
    if block:
        yield block


def _width(column: ShownColumn) -> int:
    cells = (cell_len(_text(cell, styled=False).plain) for cell in column.cells)
    return max(*map(cell_len, column.head), *cells)


def _text(shown: ShownCell, styled: bool) -> Text:
    """A cell; the best is bold, or has a star where there is no bold."""
    text = Text(shown.text, style="bold" if shown.best and styled else "")
    if shown.best and not styled:
        text.append("*")
    if shown.mark:
        text.append(f" {shown.mark}", style=COLOURS[shown.mark])
    return text
