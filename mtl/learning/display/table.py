"""Where the rows of a training go: into the terminal's history, or only over the bar."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from mtl.learning.display.rows import BEST, Rows

KEPT = 5
"""Rows to be seen at a time where none stays."""
BELOW = 4
"""Lines that the bar and the cursor take."""


class RunTable:
    """Prints a row after the other, and the header again once it has left the screen.

    Args:
        console: of the terminal.
        metrics: see ``Rows``.
        longest: likewise.
        stays: whether rows are to be read afterwards; else the last ones are in ``above``.
    """

    def __init__(self, console: Console, metrics: Sequence[str], longest: int, stays: bool) -> None:
        self.console = console
        self.metrics = metrics
        self.longest = longest
        self.stays = stays
        self._rows = Rows(metrics, longest, console.width)
        self._last: list[list[Text]] = []
        self._lines_since_header = 0

    @property
    def above(self) -> list[Text]:
        """Header and last rows where they don't stay."""
        if not self._last:
            return []
        return [*self._header(), *(line for row in self._last for line in row)]

    def add(self, label: str, values: Mapping[str, float], time: str, best: bool) -> None:
        """A further row.

        Args:
            label: see ``Rows.row``.
            values: likewise.
            time: likewise.
            best: likewise.
        """
        if self._rows.width != self.console.width:
            self._rows = Rows(self.metrics, self.longest, self.console.width)
            self._lines_since_header = 0
        lines = self._rows.row(label, values, time, best)
        row = [_marked(line) for line in lines]
        if not self.stays:
            self._last = [*self._last, row][-KEPT:]
            return
        header = self._header()
        if self._lines_since_header + len(header) + len(row) + BELOW > self.console.height:
            self._lines_since_header = 0
        shown = row if self._lines_since_header else [*header, *row]
        self._lines_since_header += len(row)
        self.console.print(Text("\n").join(shown))

    def _header(self) -> list[Text]:
        return [Text(line, style="bold") for line in self._rows.header()]


def _marked(line: str) -> Text:
    text = Text(line)
    if line.endswith(f" {BEST}"):
        text.stylize("bold green", len(line) - len(BEST))
    return text
