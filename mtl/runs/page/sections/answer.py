"""The answer first: for each task, what changes it, by how much, and whether that is sure."""

from collections.abc import Mapping, Sequence

from mtl.runs.compare.comparison import Cell, ComparedMetric
from mtl.runs.compare.control import NO_SHARING
from mtl.runs.compare.metrics import is_finite
from mtl.runs.compare.output.words import cell_text, mean_text, tested_differences
from mtl.runs.page.answers import Answers, Tone
from mtl.runs.page.change import change_text
from mtl.runs.page.data import PageData, PageRow
from mtl.runs.page.labels import own_name, way
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
from mtl.runs.page.sections.sharing import sharing
from mtl.runs.page.sections.together import NOT_KNOWN, together
from mtl.runs.page.wording import TONES, compared, differing, headline, size_and_verdict
from mtl.words import counted

MOST_ROWS = 8
"""Named for each task before the rest is folded away."""
FEW_NOTES = 2
OF_ALL = "mean over tasks of each task's mean over its metrics"
OWN_NETWORK = "against a network for this task alone"
OPENED = "Against a network for each task alone"


def answer(data: PageData) -> PageSection:
    """Whether sharing helps, a card per task, then the comparison's own sentences."""
    several = len(data.rows) > 1
    metrics = answered(data)
    opening = sharing(data, [metric for metric in metrics if not metric.percent])
    alone = together(data)
    parts = opening or alone
    if opening and alone:
        parts.append(Folded(OPENED, alone))
    elif not parts and not_known(data):
        parts = [Sentences([NOT_KNOWN])]
    parts += [Sentences([_how_compared(data)])] if several else []
    cards = [_card(data, m, f"answer-{n}", not opening) for n, m in enumerate(metrics)]
    parts.append(SideBySide(cards, narrow=True))
    sentences = [f"{row.label}: {row.row.sentence}" for row in data.rows if row.row.sentence]
    if sentences:
        parts.append(Folded("Each line of the comparison in words", [Sentences(sentences, True)]))
    parts += _notes(data)
    return PageSection("answer", "The answer" if several else "The result", parts)


def opening(data: PageData) -> Answers | None:
    """What a page begins with: whether sharing helps, else whether training together does.

    Args:
        data: of the page; ``from_results`` has enough.
    """
    metrics = [metric for metric in answered(data) if not metric.percent]
    parts = sharing(data, metrics) or together(data)
    return next((part for part in parts if isinstance(part, Answers)), None)


def not_known(data: PageData) -> bool:
    """Whether nothing is there that could say whether sharing helps, in runs that share.

    Runs of one task alone are rows of their own, and compared as such.
    """
    runs = [run for row in data.rows for run in row.row.runs]
    return opening(data) is None and all(len(run.tasks) > 1 for run in runs)


def answered(data: PageData) -> list[ComparedMetric]:
    """Each task's main metric, and the change against single tasks, as far as compared."""
    change = [m for m in data.comparison.metrics if m.percent and not m.task]
    by_name = {metric.name: metric for metric in data.comparison.metrics}
    return [by_name[name] for name in data.main_names if name in by_name] + change


def _card(data: PageData, metric: ComparedMetric, name: str, headed: bool) -> TaskVerdict:
    """What can be said of one task."""
    title = f"{metric.task}: {own_name(metric)} ({way(metric)})"
    if metric.percent:
        title = f"All tasks: mean change against single-task networks ({way(metric)})"
    sign = 1 if metric.larger else -1
    having = [row for row in data.rows if metric.name in row.cells]
    ordered = sorted(having, key=lambda row: -sign * row.cells[metric.name].mean)
    found = differing(ordered, metric)
    tone: Tone = ""
    text = cell_text(ordered[0].cells[metric.name], metric)
    if found:
        tone, text = headline(data, found, metric)
    elif len(ordered) > 1:
        best = mean_text(ordered[0].cells[metric.name], metric)
        text = f"{best} with {ordered[0].label}, the best so far"
    columns = _columns(data, metric)
    rows = [_cells(data, row, metric) for row in ordered]
    parts: list[PagePart] = []
    if len(rows) > 1:
        parts.append(_table(name, f"{title}, the best first", columns, rows[:MOST_ROWS]))
    if rows[MOST_ROWS:]:
        rest = _table(f"{name}-rest", f"{title}, the others", columns, rows[MOST_ROWS:])
        parts.append(Folded(f"{len(rows) - MOST_ROWS} more", [rest]))
    said = headed or metric.percent
    return TaskVerdict(title, tone, text if said else "", parts)


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


def _spread(changes: Sequence[float]) -> PageCell:
    """``+1.2 %``; without an interval, since what stands behind ± on the page is corrected."""
    if not changes:
        return PageCell("", None)
    mean = sum(changes) / len(changes)
    return PageCell(change_text(Cell({}, mean, None, None, False)), mean)


def _columns(data: PageData, metric: ComparedMetric) -> list[PageColumn]:
    mean = PageColumn(own_name(metric), True)
    if metric.percent:
        mean = PageColumn("change", True, note=OF_ALL)
    titles = [PageColumn("runs"), mean]
    if any(_own_changes(data, row, metric) for row in data.rows):
        note = f"relative change, {own_name(metric)} only"
        titles.append(PageColumn(OWN_NETWORK, True, note=note))
    if _has_differences(data, metric):
        titles.append(PageColumn(f"against {data.reference_of(metric).label}"))
    return titles


def _has_differences(data: PageData, metric: ComparedMetric) -> bool:
    return any(compared(row, metric) is not None for row in data.rows)


def _cells(data: PageData, row: PageRow, metric: ComparedMetric) -> list[PageCell]:
    cell = row.cells[metric.name]
    cells = [PageCell(row.label), PageCell(mean_text(cell, metric), cell.mean)]
    if any(_own_changes(data, other, metric) for other in data.rows):
        cells.append(_spread(_own_changes(data, row, metric)))
    if not _has_differences(data, metric):
        return cells
    difference = compared(row, metric)
    if difference is None:
        return [*cells, PageCell(_what_it_is(row) if row is data.reference_of(metric) else "")]
    tone = TONES.get(difference.verdict, "unsure")
    return [*cells, PageCell(size_and_verdict(difference, metric), tone=tone)]


def _what_it_is(row: PageRow) -> str:
    """Of the reference."""
    said = "what is compared with"
    return f"{said}: {NO_SHARING}" if row.row.shares_nothing else said


def _how_compared(data: PageData) -> str:
    counts = sorted({len(row.evidence) for row in data.rows})
    each = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    runs = "run" if counts == [1] else "runs"
    same = "with the same seed" if data.comparison.unit == "seed" else "of the same settings"
    text = (
        f"{len(data.rows)} settings, {each} {runs} each, compared with {data.reference_label}, run "
        f"by run {same}."
    )
    tested = tested_differences(data.comparison)
    if not tested:
        return text
    return (
        f"{text} In brackets, or behind ±: where the true difference likely lies (95 %); p: how "
        "often chance alone gives one as large; both after Holm's correction for the "
        f"{counted(tested, 'comparison')} made here. Better or worse is only what leaves out 0 "
        "(p < 0.05)."
    )


def _notes(data: PageData) -> list[PagePart]:
    left = [f"{passed.path}: {passed.reason}" for passed in data.comparison.passed_over]
    left += [problem for evidence in data.evidence for problem in evidence.problems]
    lines: Sequence[str] = [*data.comparison.notes, *(f"left out: {line}" for line in left)]
    if len(lines) <= FEW_NOTES:
        return [Sentences(lines, listed=True)] if lines else []
    return [Folded(f"Worth knowing about these runs ({len(lines)})", [Sentences(lines, True)])]
