"""Each task's metrics as bars, and as differences from the reference."""

from collections.abc import Sequence
from typing import Any

from mtl.runs.compare.comparison import ComparedMetric
from mtl.runs.compare.output.words import Digits, mean_text
from mtl.runs.page.chance import chance_of
from mtl.runs.page.data import PageData
from mtl.runs.page.gather.numbers import short
from mtl.runs.page.labels import in_unit, own_name, way
from mtl.runs.page.parts import (
    Chart,
    ChartChoice,
    PageCell,
    PageColumn,
    PagePart,
    PageSection,
    PageTable,
    SideBySide,
)
from mtl.runs.page.sections.task_specs import bar_spec, difference_spec
from mtl.runs.page.wording import TONES, compared, size_and_verdict

WHOLE = "whole run"
"""The title of what belongs to no task."""


def tasks(data: PageData) -> PageSection:
    """A chart for each task, and one of the differences where there is a reference."""
    groups: dict[str, list[ComparedMetric]] = {}
    for metric in data.metrics:
        if any(metric.name in r.cells for r in data.rows):
            groups.setdefault(metric.task, []).append(metric)
    parts: list[PagePart] = []
    for place, (task, metrics) in enumerate(sorted(groups.items(), key=lambda item: not item[0])):
        ordered = sorted(metrics, key=lambda metric: metric.own != data.main.get(task, "score"))
        pair: list[PagePart] = [_bars(data, task or WHOLE, ordered, f"bars-{place}")]
        tested = [m for m in ordered if any(compared(row, m) for row in data.rows)]
        if tested:
            pair.append(_differences(data, task or WHOLE, tested, f"differences-{place}"))
        parts.append(SideBySide(pair))
    return PageSection("tasks", "Task by task", parts)


def _choice(metrics: Sequence[ComparedMetric]) -> ChartChoice:
    options = [(m.name, f"{in_unit(m) if m.percent else own_name(m)} ({way(m)})") for m in metrics]
    return ChartChoice("metric", "Metric", options)


def _bars(data: PageData, task: str, metrics: Sequence[ComparedMetric], name: str) -> Chart:
    columns: dict[str, list[Any]] = {key: [] for key in ("r", "m", "x", "lo", "hi", "n")}
    rows = []
    for row in data.rows:
        cells = [row.cells.get(metric.name) for metric in metrics]
        for metric, cell in zip(metrics, cells, strict=True):
            if cell is not None:
                low, high = map(metric.within, cell.interval or (cell.mean, cell.mean))
                numbers = map(Digits(metric).scaled, (cell.mean, low, high))
                _add(columns, (row.place, metric.name, *numbers, len(cell.values)))
        texts = (
            PageCell("") if c is None else PageCell(mean_text(c, m), c.mean)
            for m, c in zip(metrics, cells, strict=True)
        )
        rows.append([PageCell(row.label), *texts])
    known = {m.name: level for m in metrics if (level := chance_of(data, m)) is not None}
    reading = (
        "A bar is the mean over the seeds; the thin line is its 95 % interval, "
        "where the mean of many more seeds would likely lie."
    )
    if known:
        reading += " The dashed line is chance: what is reached without a look at the images."
    return Chart(
        name,
        f"{task}: mean over the seeds",
        reading,
        bar_spec(data, metrics),
        {"points": columns, "chance": {"m": [*known], "x": [short(x, 5) for x in known.values()]}},
        [_choice(metrics)],
        table=PageTable(f"{name}-table", f"{task}: means", _header(metrics), rows),
    )


def _header(metrics: Sequence[ComparedMetric]) -> list[PageColumn]:
    return [PageColumn("runs"), *(PageColumn(own_name(m), True) for m in metrics)]


def _add(columns: dict[str, list[Any]], point: Sequence[Any]) -> None:
    for values, value in zip(columns.values(), point, strict=True):
        values.append(short(value, 5) if isinstance(value, float) else value)


def _differences(data: PageData, task: str, metrics: Sequence[ComparedMetric], name: str) -> Chart:
    columns: dict[str, list[Any]] = {key: [] for key in ("r", "m", "x", "lo", "hi", "v")}
    rows = []
    for row in data.rows:
        found = [compared(row, metric) for metric in metrics]
        if not any(found):
            continue
        for metric, d in zip(metrics, found, strict=True):
            if d is not None:
                low, high = map(metric.difference_within, d.interval or (d.mean, d.mean))
                tone = TONES.get(d.verdict, "unsure")
                numbers = map(Digits(metric).scaled, (d.mean, low, high))
                _add(columns, (row.place, metric.name, *numbers, tone))
        texts = (
            PageCell("") if d is None else PageCell(size_and_verdict(d, m), d.mean)
            for m, d in zip(metrics, found, strict=True)
        )
        rows.append([PageCell(row.label), *texts])
    reference = data.reference_of(metrics[0]).label
    return Chart(
        name,
        f"{task}: difference from {reference}",
        f"The dot is how far the runs are from {reference} with the same seed, on average; the "
        "line is where the true difference likely lies, after the correction for all comparisons. "
        "Where it crosses 0, the difference is within the noise.",
        difference_spec(data, metrics),
        {"points": columns},
        [_choice(metrics)],
        table=PageTable(f"{name}-table", f"{task}: differences", _header(metrics), rows),
    )
