"""What is said on the terminal."""

import contextlib
import multiprocessing
import sys

from rich.console import Console

from mtl.files import printable
from mtl.processes import is_first_process, speaker

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
        console.print(printable(text), markup=False)


def complain(what: object) -> None:
    """One line on the error stream, where that is still there: a terminal may have been closed."""
    with contextlib.suppress(OSError):
        text = f"{speaker()}{what}"
        print("mtl:", printable(" ".join(text.split())), file=sys.stderr)
