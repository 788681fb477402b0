"""Whether training tasks together helps, a sentence for each task."""

from collections.abc import Sequence

from mtl.config.nearest import listing
from mtl.runs.compare.comparison import Difference
from mtl.runs.compare.metrics import counted_metrics
from mtl.runs.compare.verdict import verdict_text
from mtl.runs.page.answers import AnswerLine, Answers
from mtl.runs.page.change import change_text
from mtl.runs.page.data import PageData, PageRow
from mtl.runs.page.parts import (
    Folded,
    PageCell,
    PageColumn,
    PagePart,
    PageTable,
    Sentences,
)
from mtl.runs.page.wording import ORDER, TONES, Found, beyond

QUESTION = "Does training together help?"
OVERALL = "all tasks"
FEW_ROWS = 8
"""Settings whose table needs no folding."""
READING = (
    "Intervals are corrected for the number of changes here; ▲ ▼ : better or worse, where they "
    "leave out 0."
)
MARKS = {"better": " ▲", "worse": " ▼"}
NOT_KNOWN = (
    "Whether sharing helps can't be said of these runs: none keeps its tasks apart "
    "(encoder=per_task), and networks for each task alone are missing; "
    "mtl baselines runs=[...] trains those."
)


def together(data: PageData) -> list[PagePart]:
    """The answers with what they rest on; nothing where no run knows networks of one task."""
    rows = [row for row in data.rows if row.row.together is not None]
    if not rows:
        return []
    names = [*data.main, OVERALL] if len(data.main) > 1 else [*data.main]
    found = {name: _ordered(data, rows, name) for name in names}
    there = {name: own for name, own in found.items() if own}
    lines = [_line(data, name, own) for name, own in there.items()]
    note = _what_it_is(data)
    table = _table(data, rows, [*there])
    folded = len(rows) > FEW_ROWS
    details: list[PagePart] = [table]
    if any(change.interval is not None for own in there.values() for _, change in own):
        details = [Sentences([READING]), table]
    if folded:
        details = [Folded(f"All {len(rows)} settings against networks of their own", details)]
    return [Answers(QUESTION, lines, note), *details]


def _change(row: PageRow, name: str) -> Difference | None:
    known = row.row.together
    if known is None:
        return None
    return known.overall if name == OVERALL else known.tasks.get(name)


def _ordered(data: PageData, rows: Sequence[PageRow], name: str) -> Found:
    sign = 1 if data.comparison.delta == "gain" else -1
    found = [(row, change) for row in rows if (change := _change(row, name)) is not None]
    return sorted(found, key=lambda pair: -sign * pair[1].mean)


def _line(data: PageData, name: str, found: Found) -> AnswerLine:
    """The answer of one task, by the first of the verdicts that any setting has."""
    row, change = min(found, key=lambda pair: ORDER.index(pair[1].verdict))
    several, value, unit = len(found) > 1, change_text(change), data.comparison.unit
    who = f"{row.label} is at " if several else ""
    rest = _counts(found)
    if change.verdict == "better":
        with_it = f", with {row.label}" if several else ""
        return AnswerLine(name, "better", f"Yes{with_it}: {value}.", rest)
    if change.verdict == "unsettled":
        lowest, least = found[-1]
        to = f" to {change_text(least)} with {lowest.label}" if lowest is not row else ""
        span = f"from {value} with {row.label}{to}" if several else value
        short = f"Not proven: {span} is {verdict_text(change, unit)}."
        return AnswerLine(name, "unsure", short, rest)
    if change.verdict == "too few":
        short = f"Not known yet: {who}{value}, {verdict_text(change, unit)}."
        return AnswerLine(name, "unsure", short, rest)
    if change.verdict == "same":
        return AnswerLine(name, "", f"It makes no difference: {who}{value}.", rest)
    every = f"every setting loses, {row.label} least: " if several else ""
    return AnswerLine(name, "worse", f"No: {every}{value}.", "")


def _counts(found: Found) -> str:
    """How many settings are better and worse; empty where none is, and for a single one."""
    settled = any(change.verdict in TONES for _, change in found)
    return f"{beyond(found)}." if settled and len(found) > 1 else ""


def _what_it_is(data: PageData) -> str:
    way = "more" if data.comparison.delta == "gain" else "less"
    return (
        "In percent of what a network for the task alone reaches with the same seed: the mean over "
        f"all metrics of the task, {way} is better."
    )


def _note(data: PageData, name: str) -> str:
    """Over what a column's changes are means."""
    if name == OVERALL:
        return "mean over the tasks, Δm"
    runs = [run for row in data.rows for run in row.row.runs]
    own = [metric.replace("_", " ") for metric in counted_metrics(runs, name)]
    return f"{own[0]} only" if len(own) == 1 else f"mean over {listing(own)}"


def _table(data: PageData, rows: Sequence[PageRow], names: Sequence[str]) -> PageTable:
    place = {row.place: rank for rank, (row, _) in enumerate(_ordered(data, rows, names[-1]))}
    ordered = sorted(rows, key=lambda row: place.get(row.place, len(place)))
    header = [PageColumn("runs")]
    header += [PageColumn(name, True, note=_note(data, name)) for name in names]
    cells = [
        [PageCell(row.label), *(_cell(_change(row, name)) for name in names)] for row in ordered
    ]
    caption = "Change against a network for each task alone"
    return PageTable("together-table", caption, header, cells)


def _cell(change: Difference | None) -> PageCell:
    if change is None:
        return PageCell("")
    text = change_text(change) + MARKS.get(change.verdict, "")
    return PageCell(text, change.mean, TONES.get(change.verdict, ""))
