"""Whether training tasks together helps, a sentence for each task."""

from collections.abc import Sequence

from mtl.runs.compare.comparison import Difference, Verdict
from mtl.runs.page.answers import AnswerLine, Answers
from mtl.runs.page.data import PageData, PageRow
from mtl.runs.page.labels import with_interval
from mtl.runs.page.parts import (
    Folded,
    PageCell,
    PageColumn,
    PagePart,
    PageTable,
    Sentences,
)
from mtl.runs.page.wording import TONES
from mtl.words import counted

QUESTION = "Does training together help?"
OVERALL = "all tasks"
FEW_ROWS = 8
"""Settings whose table needs no folding."""
ORDER: Sequence[Verdict] = ("better", "unsettled", "too few", "same", "worse")
"""Which verdict answers for a task, if any of its settings has it."""
MARKS = {"better": " ▲", "worse": " ▼"}
NOT_KNOWN = (
    "Whether training together helps isn't known here: no run knows what networks for each task "
    "alone come to. mtl baselines runs=[...] trains those."
)
Found = Sequence[tuple[PageRow, Difference]]
"""What rows gain on one task, the most first."""


def together(data: PageData) -> list[PagePart]:
    """The answers with what they rest on; nothing where no run has several tasks."""
    rows = [row for row in data.rows if row.row.together is not None]
    if not rows:
        # Runs of one task alone are rows of their own, and compared as such.
        several = all(len(evidence.run.tasks) > 1 for evidence in data.evidence)
        return [Sentences([NOT_KNOWN])] if several else []
    names = [*data.main, OVERALL] if len(data.main) > 1 else [*data.main]
    found = {name: _ordered(data, rows, name) for name in names}
    there = {name: own for name, own in found.items() if own}
    lines = [_line(data, name, own) for name, own in there.items()]
    table = _table(data, rows, [*there])
    folded = len(rows) > FEW_ROWS
    details: list[PagePart] = [Sentences([_reading(data)]), table]
    if folded:
        details = [Folded(f"All {len(rows)} settings against networks of their own", details)]
    return [Answers(QUESTION, lines), *details]


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
    several, value, unit = len(found) > 1, _value(change), data.comparison.unit
    who = f"{row.label} is at " if several else ""
    rest = _counts(found)
    if change.verdict == "better":
        with_it = f", with {row.label}" if several else ""
        return AnswerLine(name, "better", f"Yes{with_it}: {value}.", rest)
    if change.verdict == "unsettled":
        whose = f" for {row.label}" if several else ""
        told = f"; about {counted(change.more, unit)} more would tell{whose}" if change.more else ""
        lowest, least = found[-1]
        to = f" to {_value(least)} with {lowest.label}" if lowest is not row else ""
        span = f"from {value} with {row.label}{to}" if several else value
        short = f"Nothing is sure: {span}, which may be chance{told}."
        return AnswerLine(name, "unsure", short, rest)
    if change.verdict == "too few":
        seeds = counted(len(change.values), unit)
        short = f"Not known yet: {who}{value}, which {seeds} can't tell from chance."
        return AnswerLine(name, "unsure", short, rest)
    if change.verdict == "same":
        return AnswerLine(name, "", f"It makes no difference: {who}{value}.", rest)
    every = f"every setting surely loses, {row.label} least: " if several else ""
    return AnswerLine(name, "worse", f"No: {every}{value}.", "")


def _counts(found: Found) -> str:
    """``2 of 6 settings surely gain, 1 surely loses.``; empty for a single one."""
    if len(found) < 2:
        return ""
    better, worse = (
        sum(change.verdict == verdict for _, change in found) for verdict in ("better", "worse")
    )
    if not better and not worse:
        return ""
    whole = counted(len(found), "setting")
    gain = f"{better or 'None'} of {whole} surely {'gain' if better > 1 else 'gains'}"
    lose = f"{worse or 'none'} surely {'lose' if worse > 1 else 'loses'}"
    return f"{gain}, {lose}."


def _value(change: Difference) -> str:
    """``+4.2 ± 1.1 %``."""
    return with_interval(change.mean, change.interval, percent=True, sign=True)


def _reading(data: PageData) -> str:
    way = "more" if data.comparison.delta == "gain" else "less"
    return (
        "The mean relative change of a task's metrics, trained together, against a network for the "
        f"task alone with the same seed ({way} is better). ▲ ▼ : surely better or worse."
    )


def _table(data: PageData, rows: Sequence[PageRow], names: Sequence[str]) -> PageTable:
    place = {row.place: rank for rank, (row, _) in enumerate(_ordered(data, rows, names[-1]))}
    ordered = sorted(rows, key=lambda row: place.get(row.place, len(place)))
    header = [PageColumn("runs"), *(PageColumn(name, True) for name in names)]
    cells = [
        [PageCell(row.label), *(_cell(_change(row, name)) for name in names)] for row in ordered
    ]
    caption = "Change against a network for each task alone"
    return PageTable("together-table", caption, header, cells)


def _cell(change: Difference | None) -> PageCell:
    if change is None:
        return PageCell("")
    text = _value(change) + MARKS.get(change.verdict, "")
    return PageCell(text, change.mean, TONES.get(change.verdict, ""))
