"""What is said on the terminal."""

import contextlib
import multiprocessing
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator

from rich.console import Console
from rich.live import Live
from rich.text import Text

from mtl.files import printable
from mtl.processes import is_first_process, speaker

COMMAND = re.compile(r"\s*mtl [a-z]")
"""How a line begins that is a command."""
UNBROKEN = re.compile(
    # A command with its arguments, wherever it stands; a number with its interval and its unit.
    r"mtl [a-z]+(?: (?:--(?:cfg|config-dir) [\w./-]+|-\S+|'[^']*'|[A-Z]{2,}\b"
    r"|[\w@.~+/-]+[=/](?:'[^']*'|[^\s'])*))*"
    r"|\S+ ± \S+(?: %| points\b)?|[\d.]+ %"
)
"""What no line may end in."""
HELD = "\ue000"
"""Stands for a blank there while lines are filled."""
LAST_COMMAND = re.compile(r": (mtl [a-z]+ (?:-m )?\S+=.*)$")
"""A command at the end of a sentence."""
console = Console(highlight=False, soft_wrap=True)
if not console.is_terminal:
    console.width = 500


def is_watched() -> bool:
    """Whether there is a terminal that this process has for itself.

    Processes that work at several jobs of a sweep at a time share it.
    """
    return console.is_terminal and multiprocessing.current_process().name == "MainProcess"


def say(text: str) -> None:
    """One line, of the first process of a run; the others' would be the same."""
    if is_first_process():
        console.print(
            in_width(printable(text)) if console.is_terminal else printable(text), markup=False
        )


@contextlib.contextmanager
def doing(what: str) -> Iterator[None]:
    """A line at the bottom of the terminal as long as something takes that can't be counted.

    It has no thread of its own: processes that are forked meanwhile would wait for it for ever.

    Args:
        what: of the user's, such as ``timing``.
    """
    if not (is_watched() and is_first_process()):
        yield
        return
    line = Live(Text(f"{what} ...", "dim"), console=console, auto_refresh=False, transient=True)
    with line:
        yield


def loading() -> contextlib.AbstractContextManager[None]:
    """``doing`` for the seconds that it takes to import torch, unless that has been done."""
    return contextlib.nullcontext() if "torch" in sys.modules else doing("loading torch")


def complain(what: object) -> None:
    """One line on the error stream, where that is still there: a terminal may have been closed."""
    with contextlib.suppress(OSError):
        text = f"{speaker()}{what}"
        line = f"mtl: {printable(' '.join(text.split()))}"
        print(in_width(line) if sys.stderr.isatty() else line, file=sys.stderr)


def in_width(text: str, width: int | None = None) -> str:
    """Prose whose lines end between words, for a terminal, which would end them anywhere.

    Commands stay whole so that they can be copied: lines that are one, one that ends a sentence,
    which gets a line of its own where the sentence is too long, and those inside a sentence, around
    which its lines end. So do numbers with their intervals.

    Args:
        text: of one or more lines.
        width: columns; None for the terminal's.
    """
    width = shutil.get_terminal_size().columns if width is None else width
    return "\n".join(part for line in text.split("\n") for part in _fitting(line, width))


def _fitting(line: str, width: int) -> list[str]:
    if len(line) <= width or COMMAND.match(line):
        return [line]
    prose, command = line, []
    if found := LAST_COMMAND.search(line):
        prose, command = line[: found.start(1)].rstrip(), [f"  {found[1]}"]
    indent = " " * (len(line) - len(line.lstrip()))
    filled = textwrap.wrap(
        UNBROKEN.sub(lambda found: found[0].replace(" ", HELD), prose),
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [*(part.replace(HELD, " ") for part in filled), *command]
