"""The comparison as a table."""

from mtl.runs.compare.comparison import ComparedMetric, Comparison, Singles
from mtl.runs.compare.output.basis import at_chance, samples_lines
from mtl.runs.compare.output.words import BEST, BETTER, WORSE, cell_text, cost_text
from mtl.runs.page.answers import Tone
from mtl.runs.page.chance import levels_in_words
from mtl.runs.page.data import PageData, PageRow
from mtl.runs.page.labels import cost_name, metric_title, way
from mtl.runs.page.parts import PageCell, PageColumn, PagePart, PageSection, PageTable, Sentences

MARKS: dict[str, tuple[Tone, str]] = {
    "better": ("better", f" {BETTER}"),
    "worse": ("worse", f" {WORSE}"),
}
USUAL_COSTS = ("parameters", "duration_s")
"""Shown at first."""


def overview(data: PageData) -> PageSection:
    """All rows with their metrics, costs and settings; sortable, to be filtered."""
    comparison = data.comparison
    usual = {*data.main_names, f"{data.split}/delta_m"}
    # What most readers came for stands where a phone shows it.
    metrics = sorted(data.metrics, key=lambda metric: metric.name not in usual)
    columns = [
        PageColumn("runs"),
        *(PageColumn(_title(m), number=True, on=m.name in usual, note=_note(m)) for m in metrics),
        PageColumn("seeds", number=True),
        *(
            PageColumn(cost_name(cost), number=True, on=cost in USUAL_COSTS)
            for cost in comparison.costs
        ),
        *(PageColumn(name, on=False) for name in comparison.columns),
    ]
    rows = [_cells(data, row, metrics) for row in data.rows]
    rows += [_alone(data, own, metrics) for own in comparison.singles]
    lines = ["± : half a 95 % interval of the mean over the seeds."]
    if len(data.rows) > 1:
        held = "the task alone" if comparison.alone else data.reference.label
        lines[0] += f" Bold: {BEST}. {BETTER} {WORSE} : better or worse than {held}."
    table = PageTable("overview-table", "All runs, those of a kind together", columns, rows, True)
    parts: list[PagePart] = [Sentences(lines), table]
    foot = [levels_in_words(data, metrics)]
    foot += [f"{line[0].upper()}{line[1:]}." for line in _resting_on(comparison)]
    if told := [line for line in foot if line]:
        parts.append(Sentences(told))
    return PageSection("table", "All numbers", parts)


def _resting_on(comparison: Comparison) -> list[str]:
    """Numbers of samples, and tasks of which no row clearly beats chance."""
    return [*samples_lines(comparison), *at_chance(comparison)]


def _title(metric: ComparedMetric) -> str:
    if metric.percent:
        return f"{metric.task} Δ" if metric.task else "Δm"
    return metric_title(metric)


def _note(metric: ComparedMetric) -> str:
    if not metric.percent:
        return way(metric)
    of = "mean over its metrics of" if metric.task else "mean over tasks of"
    return f"{of} the change against single tasks, {way(metric)}"


def _cells(data: PageData, row: PageRow, metrics: list[ComparedMetric]) -> list[PageCell]:
    comparison, compared = data.comparison, row.row
    return [
        PageCell(row.label),
        *(_metric(row, metric) for metric in metrics),
        PageCell(str(len(row.evidence)), len(row.evidence)),
        *(
            PageCell(cost_text(cost, compared.costs[cost]), compared.costs[cost])
            if cost in compared.costs
            else PageCell("")
            for cost in comparison.costs
        ),
        *(PageCell(compared.settings.get(name, "")) for name in comparison.columns),
    ]


def _alone(data: PageData, own: Singles, metrics: list[ComparedMetric]) -> list[PageCell]:
    """The tasks' own networks; what they cost and how they were set is their own runs' matter."""
    seeds = max(len(cell.values) for cell in own.cells.values())
    rest = len(data.comparison.costs) + len(data.comparison.columns)
    cells = [own.cells.get(metric.name) for metric in metrics]
    return [
        PageCell(own.name),
        *(
            PageCell("") if cell is None else PageCell(cell_text(cell, metric), cell.mean)
            for cell, metric in zip(cells, metrics, strict=True)
        ),
        PageCell(str(seeds), seeds),
        *(PageCell("") for _ in range(rest)),
    ]


def _metric(row: PageRow, metric: ComparedMetric) -> PageCell:
    cell = row.cells.get(metric.name)
    if cell is None:
        return PageCell("")
    difference = row.row.differences.get(metric.name)
    tone, mark = MARKS.get(difference.verdict, ("", "")) if difference else ("", "")
    return PageCell(cell_text(cell, metric) + mark, cell.mean, tone, best=cell.best)
