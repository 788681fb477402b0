"""Help as wide as the terminal is."""

import re
import shutil
import sys
import textwrap

ROW = re.compile(r"(\s+\S+(?: \S+)*\s{2,})\S")
"""A word or several, and what they mean beside them."""
COMMAND = re.compile(r"\s+mtl ")
SAID = re.compile(r"(?<=\S)\s{3,}(?=\S)")
"""Between a command and what is said of it."""
NARROWEST = 40


def fitted(text: str) -> str:
    """Help for whoever reads it: as it is into a pipe, and no wider than a terminal."""
    return wrapped(text, shutil.get_terminal_size().columns) if sys.stdout.isatty() else text


def wrapped(text: str, width: int) -> str:
    """Help with lines that fit: paragraphs are filled, what belongs to a row stays beside it.

    Args:
        text: a block of usage, paragraphs, rows of two columns, and commands, which stay whole so
            that they can be copied.
        width: columns of the terminal.
    """
    width = max(width, NARROWEST)
    if max(map(len, text.splitlines())) <= width:
        return text
    usage, _, rest = text.partition("\n\n")
    lines = [line for row in usage.splitlines() for line in _fill(row, width, " " * 11)]
    paragraph: list[str] = []
    for line in ["", *rest.splitlines(), ""]:
        if line and not line.startswith(" "):
            paragraph.append(line)
            continue
        lines += _fill(" ".join(paragraph), width, "")
        paragraph = []
        row = ROW.match(line)
        if COMMAND.match(line):
            command, *said = [line] if len(line) <= width else SAID.split(line)
            lines += [command, *(f"      {text}" for text in said)]
        elif row is not None:
            lines += _fill(line, width, " " * len(row[1]))
        else:
            lines += _fill(line, width, line[: len(line) - len(line.lstrip())]) or [""]
    return "\n".join(lines[:-1])


def _fill(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
