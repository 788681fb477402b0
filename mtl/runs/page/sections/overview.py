"""The comparison as a table."""

from mtl.runs.compare.comparison import ComparedMetric
from mtl.runs.page.answers import Tone
from mtl.runs.page.data import PageData, PageRow
from mtl.runs.page.labels import amount, cost_name, metric_title, way, with_interval
from mtl.runs.page.parts import PageCell, PageColumn, PageSection, PageTable, Sentences

MARKS: dict[str, tuple[Tone, str]] = {"better": ("better", " ▲"), "worse": ("worse", " ▼")}
USUAL_COSTS = ("parameters", "duration_s")
"""Shown at first."""


def overview(data: PageData) -> PageSection:
    """All rows with their settings, metrics and costs; sortable, to be filtered."""
    comparison = data.comparison
    usual = {*data.main_names, f"{data.split}/delta_m"}
    columns = [
        PageColumn("runs"),
        *(PageColumn(name, on=False) for name in comparison.columns),
        PageColumn("seeds", number=True),
        *(
            PageColumn(_title(m), number=True, on=m.name in usual, note=_note(m))
            for m in data.metrics
        ),
        *(
            PageColumn(cost_name(cost), number=True, on=cost in USUAL_COSTS)
            for cost in comparison.costs
        ),
    ]
    rows = [_cells(data, row) for row in data.rows]
    lines = ["Bold: the best of its column. ± : half a 95 % interval over the seeds."]
    if len(data.rows) > 1:
        lines[0] += f" ▲ ▼ : surely better or worse than {data.reference.label}."
    table = PageTable("overview-table", "All runs, those of a kind together", columns, rows, True)
    return PageSection("table", "All numbers", [Sentences(lines), table])


def _title(metric: ComparedMetric) -> str:
    if metric.percent:
        return f"{metric.task} Δ" if metric.task else "Δm"
    return metric_title(metric)


def _note(metric: ComparedMetric) -> str:
    return f"change against single tasks, {way(metric)}" if metric.percent else way(metric)


def _cells(data: PageData, row: PageRow) -> list[PageCell]:
    comparison, compared = data.comparison, row.row
    return [
        PageCell(row.label),
        *(PageCell(compared.settings.get(name, "")) for name in comparison.columns),
        PageCell(str(len(row.evidence)), len(row.evidence)),
        *(_metric(row, metric) for metric in data.metrics),
        *(
            PageCell(amount(compared.costs[cost]), compared.costs[cost])
            if cost in compared.costs
            else PageCell("")
            for cost in comparison.costs
        ),
    ]


def _metric(row: PageRow, metric: ComparedMetric) -> PageCell:
    cell = row.cells.get(metric.name)
    if cell is None:
        return PageCell("")
    text = with_interval(cell.mean, cell.interval, metric.percent, sign=metric.percent)
    difference = row.row.differences.get(metric.name)
    tone, mark = MARKS.get(difference.verdict, ("", "")) if difference else ("", "")
    return PageCell(text + mark, cell.mean, tone, best=cell.best)
