"""What a page consists of: plain values that the templates write out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from mtl.runs.page.answers import Answers, Tone
from mtl.runs.page.cases import CaseTable

Columns = Mapping[str, Sequence[Any]]
"""Data of a chart: name to one value for each point."""


@dataclass(frozen=True)
class PageColumn:
    """Of a table.

    Args:
        title: in its header.
        number: whether it holds numbers.
        on: whether it is shown at first, where columns can be switched.
        note: a smaller line below the title.
    """

    title: str
    number: bool = False
    on: bool = True
    note: str = ""


@dataclass(frozen=True)
class PageCell:
    """Of a table.

    Args:
        text: what is read.
        value: by which it is sorted in a column of numbers; None is nothing.
        tone: what it says, for the eye; the text says it too.
        best: whether it is the best of its column.
        code: whether it is a command or a name of the machine's.
        copy: what its button copies; no button where empty.
    """

    text: str
    value: float | None = None
    tone: Tone = ""
    best: bool = False
    code: bool = False
    copy: str = ""


@dataclass(frozen=True)
class PageTable:
    """A table whose first column names the rows.

    Args:
        name: unlike that of any other part.
        caption: what it shows.
        columns: its header.
        rows: a cell for each column.
        tools: whether it can be filtered, and columns switched off.
        plain: whether it stays in its order, and what it shows is said above it.
    """

    kind: ClassVar = "table"
    name: str
    caption: str
    columns: Sequence[PageColumn]
    rows: Sequence[Sequence[PageCell]]
    tools: bool = False
    plain: bool = False


@dataclass(frozen=True)
class HeatCell:
    """Of a heat map.

    Args:
        text: its number.
        share: 0..1, how strong its colour is.
        opposed: whether it has the colour of what is negative.
        note: more, such as what the number is a share of.
    """

    text: str
    share: float
    opposed: bool = False
    note: str = ""


@dataclass(frozen=True)
class HeatMap:
    """A table whose cells are coloured.

    Args:
        caption: what it shows.
        corner: what rows and columns are.
        columns: names.
        rows: name and cells.
    """

    kind: ClassVar = "heat"
    caption: str
    corner: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[HeatCell]]]


@dataclass(frozen=True)
class ChartChoice:
    """Something to choose beside a chart.

    Args:
        signal: the parameter of the chart.
        label: what is chosen.
        options: value and text; the first is shown at first.
    """

    signal: str
    label: str
    options: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Chart:
    """A chart, drawn in the browser.

    Args:
        name: unlike that of any other part.
        title: what it shows.
        reading: how to read it.
        spec: in Vega-Lite, without the data.
        data: its data sets by name.
        choices: beside it.
        legend: places of the rows that it draws; none where it names them itself.
        table: the same numbers to read.
        switched: whether rows are switched on and off in it.
    """

    kind: ClassVar = "chart"
    name: str
    title: str
    reading: str
    spec: Mapping[str, Any]
    data: Mapping[str, Columns]
    choices: Sequence[ChartChoice] = ()
    legend: Sequence[int] = ()
    table: PageTable | None = None
    switched: bool = True


@dataclass(frozen=True)
class Photo:
    """A picture.

    Args:
        title: what it is of.
        alternative: what it shows, for who can't see it.
        address: a data URI.
        width: pixels.
        height: pixels.
    """

    kind: ClassVar = "photo"
    title: str
    alternative: str
    address: str
    width: int
    height: int


@dataclass(frozen=True)
class Sentences:
    """Text: a paragraph each, or the points of a list."""

    kind: ClassVar = "sentences"
    lines: Sequence[str]
    listed: bool = False


@dataclass(frozen=True)
class CopiedCommand:
    """A command with a button that copies it."""

    kind: ClassVar = "command"
    text: str


@dataclass(frozen=True)
class TaskVerdict:
    """The answer for one task.

    Args:
        title: the task.
        tone: of the headline.
        headline: the answer; empty where it stands elsewhere.
        parts: what it rests on.
    """

    kind: ClassVar = "verdict"
    title: str
    tone: Tone
    headline: str
    parts: Sequence["PagePart"]


@dataclass(frozen=True)
class SideBySide:
    """Parts beside each other where there is room."""

    kind: ClassVar = "side"
    parts: Sequence["PagePart"]
    narrow: bool = False


@dataclass(frozen=True)
class Folded:
    """Parts that open on demand."""

    kind: ClassVar = "folded"
    title: str
    parts: Sequence["PagePart"]


@dataclass(frozen=True)
class OneOf:
    """Parts of which one is shown.

    Args:
        label: what is chosen.
        panels: name and part.
    """

    kind: ClassVar = "one_of"
    label: str
    panels: Sequence[tuple[str, "PagePart"]]


PagePart = (
    Answers
    | PageTable
    | HeatMap
    | CaseTable
    | Chart
    | Photo
    | Sentences
    | CopiedCommand
    | TaskVerdict
    | SideBySide
    | Folded
    | OneOf
)


@dataclass(frozen=True)
class PageSection:
    """A section of the page.

    Args:
        name: its anchor.
        title: its heading.
        parts: from top to bottom; none where there is nothing to show.
        missing: what it would be made of and how to get it, where there is nothing to show.
    """

    name: str
    title: str
    parts: Sequence[PagePart] = ()
    missing: str = ""


def numbered(names: Iterable[str]) -> list[tuple[str, str]]:
    """Options whose values are their places: a number in each point is shorter than a name."""
    return [(str(place), name) for place, name in enumerate(names)]
