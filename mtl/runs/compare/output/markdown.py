"""``comparison.md``: the tables and what they come to."""

from collections.abc import Sequence

from mtl.runs.compare.comparison import Comparison
from mtl.runs.compare.output.basis import at_chance, basis_lines
from mtl.runs.compare.output.plain_table import (
    AGAINST_ALONE,
    DIFFERENCE_HEADS,
    ShownColumn,
    against_alone,
    difference_lines,
    left_out,
    lines_of,
    main_columns,
    sentences,
)
from mtl.runs.compare.output.words import legend
from mtl.runs.page.answers import Answers


def as_markdown(comparison: Comparison, answers: Answers | None = None) -> str:
    """A page with both tables, a sentence per row, and what is missing.

    Args:
        comparison: what to write.
        answers: what it comes to, which is said first.
    """
    columns = main_columns(comparison)
    lines = [] if answers is None else [*_answered(answers), ""]
    lines += _table(
        [_escaped(" ".join(filter(None, column.head))) for column in columns],
        [[_cell(column, row) for column in columns] for row in lines_of(columns)],
        left=sum(column.names for column in columns),
    )
    below = [*legend(comparison, "**bold**"), *basis_lines(comparison), *at_chance(comparison)]
    lines += ["", " ".join(map(_sentence, below))]
    if found := sentences(comparison):
        lines += ["", *map(_item, found)]
    if found := against_alone(comparison):
        lines += ["", f"{_sentence(AGAINST_ALONE)[:-1]}:", "", *map(_item, found)]
    if blocks := difference_lines(comparison):
        reference = comparison.reference_name
        what = reference if comparison.alone else _code(reference)
        lines += ["", f"Differences to {what}:", ""]
        cells = [
            ["" if place else _code(name), *map(_escaped, line)]
            for name, block in blocks
            for place, line in enumerate(block)
        ]
        lines += _table(["", *DIFFERENCE_HEADS], cells, left=2)
    if missing := left_out(comparison):
        lines += ["", *(f"- {_escaped(text)}" for text in missing)]
    return "\n".join(lines) + "\n"


def _answered(answers: Answers) -> list[str]:
    question, *note = [answers.question, answers.note] if answers.note else [answers.question]
    lines = [f"- **{_escaped(line.title)}**: {_escaped(line.short)}" for line in answers.lines]
    return [f"**{_escaped(question)}**", *map(_escaped, note), "", *lines]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> list[str]:
    rule = ["---" if place < left else "---:" for place in range(len(header))]
    return [f"| {' | '.join(cells)} |" for cells in (header, rule, *rows)]


def _cell(column: ShownColumn, row: int) -> str:
    shown = column.cells[row]
    if column.names:
        return _code(shown.text) if shown.text else ""
    text = f"**{shown.text}**" if shown.best else shown.text
    return f"{text} {shown.mark}".rstrip()


def _code(text: str) -> str:
    return f"`{text.replace('`', chr(39)).replace('|', '/')}`"


def _escaped(text: str) -> str:
    for sign in "\\|*_<":
        text = text.replace(sign, f"\\{sign}")
    return text


def _item(named: tuple[str, str]) -> str:
    name, text = named
    return f"- {_code(name)}: {_escaped(text)}."


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
