"""The bar under the table, redrawn in place."""

import datetime
import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

BETWEEN = 0.25
"""Seconds from one drawing to the next, at least."""


@dataclass(frozen=True)
class Picture:
    """What is to be seen.

    Args:
        name: of what is going on.
        done: of ``total``.
        total: all there is to do.
        facts: for the line below the bar.
        above: lines over the bar that go with it.
    """

    name: str
    done: float
    total: float
    facts: Sequence[str]
    above: Sequence[Text] = ()

    def drawn(self) -> RenderableType:
        """For the console."""
        line = Table.grid(padding=(0, 1), expand=True)
        line.add_column(no_wrap=True)
        line.add_column(ratio=1)
        line.add_column(justify="right", no_wrap=True)
        share = min(1.0, self.done / self.total) if self.total else 0.0
        bar = ProgressBar(total=1.0, completed=share, complete_style="green")
        line.add_row(self.name, bar, f"{share:4.0%}")
        return Group(*self.above, line, Text("  ".join(self.facts)))


class Bar:
    """Draws a picture at the bottom of the terminal, at most four times a second.

    Without a thread of its own: data-loading workers that are forked while another thread holds
    the console would wait for it for ever.

    Args:
        console: of the terminal.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live: Live | None = None
        self._handlers: list[tuple[logging.StreamHandler, object]] = []  # type: ignore[type-arg]
        self._drawn = 0.0

    def start(self) -> None:
        """Take the bottom of the terminal; what others write goes above it."""
        if self._live is not None:
            return
        before = sys.stderr
        self._live = Live(console=self.console, auto_refresh=False, transient=True)
        self._live.start()
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is before:
                self._handlers.append((handler, handler.setStream(sys.stderr)))

    def draw(self, picture: Callable[[], Picture], at_once: bool = False) -> None:
        """Draw, unless that was done just now.

        Args:
            picture: makes it.
            at_once: whether it can't wait.
        """
        now = time.monotonic()
        if self._live is None or (now - self._drawn < BETWEEN and not at_once):
            return
        self._drawn = now
        self._live.update(picture().drawn(), refresh=True)

    def stop(self) -> None:
        """Leave the terminal without a trace."""
        if self._live is None:
            return
        while self._handlers:
            handler, stream = self._handlers.pop()
            handler.setStream(stream)
        self._live.stop()
        self._live = None


def until(seconds: float) -> str:
    """``0:12:34 left, ends 14:35``."""
    now = datetime.datetime.now().astimezone()
    end = now + datetime.timedelta(seconds=seconds)
    clock = f"{end:%H:%M}" if end.date() == now.date() else f"{end:%a %d %b, %H:%M}"
    return f"{span(seconds)} left, ends {clock}"


def span(seconds: float) -> str:
    """``0:12:34``."""
    return str(datetime.timedelta(seconds=round(seconds)))
