"""The answer first: for each task, what changes it, by how much, and whether that is sure."""

from collections.abc import Mapping, Sequence

from mtl.runs.compare.comparison import Cell, ComparedMetric
from mtl.runs.compare.metrics import is_finite
from mtl.runs.compare.statistics.mean import mean_interval
from mtl.runs.page.answers import Tone
from mtl.runs.page.data import PageData, PageRow
from mtl.runs.page.labels import measured, way, with_interval
from mtl.runs.page.parts import (
    Folded,
    PageCell,
    PageColumn,
    PagePart,
    PageSection,
    PageTable,
    Sentences,
    SideBySide,
    TaskVerdict,
)
from mtl.runs.page.sections.together import together
from mtl.runs.page.wording import TONES, certainty, compared, headline, size_in_words

MOST_ROWS = 8
"""Named for each task before the rest is folded away."""
FEW_NOTES = 2


def answer(data: PageData) -> PageSection:
    """Whether sharing helps, a verdict per task, then the comparison's own sentences."""
    several = len(data.rows) > 1
    parts = together(data)
    parts += [Sentences([_how_compared(data)])] if several else []
    verdicts = [_verdict(data, m, f"answer-{n}") for n, m in enumerate(answered(data))]
    parts.append(SideBySide(verdicts, narrow=True))
    sentences = [f"{row.label}: {row.row.sentence}" for row in data.rows if row.row.sentence]
    if sentences:
        parts.append(Folded("Each line of the comparison in words", [Sentences(sentences, True)]))
    parts += _notes(data)
    return PageSection("answer", "The answer" if several else "The result", parts)


def answered(data: PageData) -> list[ComparedMetric]:
    """Each task's main metric, and the change against single tasks, as far as compared."""
    change = [m for m in data.comparison.metrics if m.percent and not m.task]
    by_name = {metric.name: metric for metric in data.comparison.metrics}
    return [by_name[name] for name in data.main_names if name in by_name] + change


def _verdict(data: PageData, metric: ComparedMetric, name: str) -> TaskVerdict:
    """What can be said of one task."""
    title = f"{metric.task}: {metric.own} ({way(metric)})"
    if metric.percent:
        title = f"All tasks: mean change against single-task networks ({way(metric)})"
    sign = 1 if metric.larger else -1
    having = [row for row in data.rows if metric.name in row.cells]
    ordered = sorted(having, key=lambda row: -sign * row.cells[metric.name].mean)
    tone: Tone = ""
    text = _value(ordered[0].cells[metric.name], metric)
    if any(compared(row, metric) for row in ordered):
        tone, text = headline(data, ordered, metric)
    elif len(ordered) > 1:
        text = f"{text} with {ordered[0].label}, the best of all"
    columns = _columns(data, metric)
    rows = [_cells(data, row, metric) for row in ordered]
    parts: list[PagePart] = []
    if len(rows) > 1:
        parts.append(_table(name, f"{title}, the best first", columns, rows[:MOST_ROWS]))
    if rows[MOST_ROWS:]:
        rest = _table(f"{name}-rest", f"{title}, the others", columns, rows[MOST_ROWS:])
        parts.append(Folded(f"{len(rows) - MOST_ROWS} more", [rest]))
    return TaskVerdict(title, tone, text, parts)


def _table(
    name: str, caption: str, columns: list[PageColumn], rows: list[list[PageCell]]
) -> PageTable:
    return PageTable(name, caption, columns, rows, plain=True)


def _own_changes(data: PageData, row: PageRow, metric: ComparedMetric) -> list[float]:
    """This metric's changes against the task's single-task networks, of each run that has one."""
    sign = 1 if data.comparison.delta == "gain" else -1
    found = (run.results.get("gain") for run in row.row.runs)
    changes = (gain.get("metrics") for gain in found if isinstance(gain, Mapping))
    values = (own.get(metric.name) for own in changes if isinstance(own, Mapping))
    return [sign * value for value in values if is_finite(value)]


def _spread(changes: Sequence[float]) -> str:
    """``+1.2 ± 0.4 %``."""
    mean = sum(changes) / len(changes)
    return with_interval(mean, mean_interval(changes), percent=True, sign=True)


def _columns(data: PageData, metric: ComparedMetric) -> list[PageColumn]:
    titles = [PageColumn("runs"), PageColumn("change" if metric.percent else metric.own, True)]
    if any(_own_changes(data, row, metric) for row in data.rows):
        titles.append(PageColumn("against its own network", True))
    if len(data.rows) > 1:
        titles.append(PageColumn(f"than {data.reference.label}"))
    return titles


def _cells(data: PageData, row: PageRow, metric: ComparedMetric) -> list[PageCell]:
    cell = row.cells[metric.name]
    mean = measured(cell.mean, metric.percent, sign=metric.percent)
    cells = [PageCell(row.label), PageCell(mean, cell.mean)]
    if any(_own_changes(data, other, metric) for other in data.rows):
        own = _own_changes(data, row, metric)
        cells.append(PageCell(_spread(own), sum(own) / len(own)) if own else PageCell("", None))
    if len(data.rows) == 1:
        return cells
    difference = compared(row, metric)
    if difference is None:
        return [*cells, PageCell("what is compared with" if row is data.reference else "")]
    text = f"{size_in_words(difference, metric)}; {certainty(difference, data.comparison.unit)}"
    return [*cells, PageCell(text, tone=TONES.get(difference.verdict, "unsure"))]


def _value(cell: Cell, metric: ComparedMetric) -> str:
    return with_interval(cell.mean, cell.interval, metric.percent, sign=metric.percent)


def _how_compared(data: PageData) -> str:
    counts = sorted({len(row.evidence) for row in data.rows})
    each = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    runs = "run" if counts == [1] else "runs"
    same = "with the same seed" if data.comparison.unit == "seed" else "of the same settings"
    return (
        f"{len(data.rows)} settings, {each} {runs} each. The others are compared with "
        f"{data.reference.label}, run by run {same}. What is called clear or sure would seldom "
        "come by chance alone (p < 0.05, corrected for the number of comparisons)."
    )


def _notes(data: PageData) -> list[PagePart]:
    left = [f"{passed.path}: {passed.reason}" for passed in data.comparison.passed_over]
    left += [problem for evidence in data.evidence for problem in evidence.problems]
    lines: Sequence[str] = [*data.comparison.notes, *(f"left out: {line}" for line in left)]
    if len(lines) <= FEW_NOTES:
        return [Sentences(lines, listed=True)] if lines else []
    return [Folded(f"Worth knowing about these runs ({len(lines)})", [Sentences(lines, True)])]
