"""The table of a training: a row per validation, no wider than the terminal."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

GAP = 2
NUMBER = 6
"""Characters of ``0.1234``."""
SHORTEST = 8
"""Characters that a name is not broken below."""
BEST = "best"
TIME = 7


@dataclass(frozen=True)
class Column:
    """A metric in the table.

    Args:
        metric: full name.
        top: over the name: the task.
        name: of the metric itself.
        width: in characters.
    """

    metric: str
    top: str
    name: str
    width: int


class Rows:
    """Lays rows out for a width; what does not fit into one line goes on in the next.

    Long names are broken over lines, numbers never.

    Args:
        metrics: full names (``val/loss``, ``val/score``, ``val/box/iou``), in order.
        longest: characters of the longest label.
        width: of the terminal.
    """

    def __init__(self, metrics: Sequence[str], longest: int, width: int) -> None:
        self.width = width
        self.label = max(len("epoch"), longest)
        room = max(width - self.label - (GAP + TIME) - (GAP + len(BEST)), GAP + SHORTEST)
        self.lines = _lines([_column(metric) for metric in metrics], room)

    def header(self) -> list[str]:
        """The names, each metric's below its task's, over as many lines as they take."""
        lines = []
        for number, columns in enumerate(self.lines):
            label, time = ("epoch", _cell("time", TIME)) if number == 0 else ("", "")
            *above, names = _stacked(columns)
            lines += [" " * self.label + line for line in above]
            lines.append(f"{label:>{self.label}}{names}{time}")
        return lines

    def row(self, label: str, values: Mapping[str, float], time: str, best: bool) -> list[str]:
        """One validation.

        Args:
            label: ``3/10``.
            values: full name to value; one that is absent stays blank.
            time: how long the epoch took.
            best: whether it is a new best.
        """
        lines = []
        for number, columns in enumerate(self.lines):
            cells = "".join(_cell(_number(values.get(c.metric)), c.width) for c in columns)
            end = _cell(time, TIME) + (" " * GAP + BEST if best else "")
            first = number == 0
            text = f"{label if first else '':>{self.label}}{cells}{end if first else ''}"
            lines.append(text.rstrip())
        return lines


def _column(metric: str) -> Column:
    top, _, name = metric.partition("/")[2].rpartition("/")
    widest = NUMBER + GAP if name == "loss" else NUMBER
    return Column(metric, top, name, max(len(top), len(name), widest))


def _stacked(columns: Sequence[Column]) -> list[str]:
    """The lines of a header, as many for tasks and for metrics as their longest names take."""
    lines = []
    for names in ([column.top for column in columns], [column.name for column in columns]):
        broken = [_broken(name, c.width) for name, c in zip(names, columns, strict=True)]
        deepest = max(map(len, broken), default=0)
        padded = [[*[""] * (deepest - len(parts)), *parts] for parts in broken]
        rows = zip(*padded, strict=True)
        cells = [[_cell(t, c.width) for t, c in zip(row, columns, strict=True)] for row in rows]
        lines += ["".join(row) for row in cells]
    *above, last = lines or [""]
    return [*(line.rstrip() for line in above), last]


def _lines(columns: Sequence[Column], room: int) -> list[list[Column]]:
    """Columns in as few lines as broken names make possible, those below each other as wide."""
    longest = max((column.width for column in columns), default=NUMBER)
    for number in range(1, len(columns) + 1):
        each = math.ceil(len(columns) / number)
        for most in range(longest, SHORTEST - 1, -1):
            narrow = [replace(column, width=min(column.width, most)) for column in columns]
            lines = _aligned([narrow[i : i + each] for i in range(0, len(narrow), each)])
            if sum(c.width + GAP for c in lines[0]) <= room:
                return lines
    return [[column] for column in columns] or [[]]


def _aligned(lines: list[list[Column]]) -> list[list[Column]]:
    widths = [max(c.width for c in found if c) for found in zip_longest(*lines)]
    return [[replace(c, width=w) for c, w in zip(line, widths, strict=False)] for line in lines]


def _broken(name: str, most: int) -> list[str]:
    """A name in lines of at most so many characters, behind underscores where it has them."""
    if len(name) <= most:
        return [name] if name else []
    place = name.rfind("_", 1, most) + 1
    if place:
        return [name[:place], *_broken(name[place:], most)]
    # Into parts of like length, of which each but the last has its hyphen.
    word = len(name[: name.find("_", 1) + 1] or name)
    place = math.ceil(word / math.ceil(word / (most - 1)))
    return [f"{name[:place]}-", *_broken(name[place:], most)]


def _cell(text: str, width: int) -> str:
    return f"{text:>{width + GAP}}"


def _number(value: float | None) -> str:
    """Four decimals, or as many as fit where the whole part is long."""
    if value is None:
        return ""
    return min((f"{value:{form}}" for form in (".4f", ".5g", ".1e")), key=_excess)


def _excess(text: str) -> int:
    return max(0, len(text) - NUMBER - 1)
