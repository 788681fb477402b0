"""Each task's metrics as bars, and as differences from the reference."""

from collections.abc import Sequence
from typing import Any

from mtl.runs.compare.comparison import ComparedMetric
from mtl.runs.page.data import PageData
from mtl.runs.page.gather.numbers import short
from mtl.runs.page.labels import measured, metric_title, way
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
from mtl.runs.page.specs import NAMED, SHOWN, Spec, chart, chosen, row_axis, row_colour, tip
from mtl.runs.page.wording import TONES, compared

BAR = 26
"""Pixels for each row."""
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
    options = [
        (m.name, f"{metric_title(m) if m.percent else m.own.replace('_', ' ')} ({way(m)})")
        for m in metrics
    ]
    return ChartChoice("metric", "Metric", options)


def _bars(data: PageData, task: str, metrics: Sequence[ComparedMetric], name: str) -> Chart:
    columns: dict[str, list[Any]] = {key: [] for key in ("r", "m", "x", "lo", "hi", "n")}
    rows = []
    for row in data.rows:
        cells = [row.cells.get(metric.name) for metric in metrics]
        for metric, cell in zip(metrics, cells, strict=True):
            if cell is not None:
                low, high = cell.interval or (cell.mean, cell.mean)
                point = (row.place, metric.name, cell.mean, low, high, len(cell.values))
                _add(columns, point)
        texts = (
            PageCell("") if c is None else PageCell(measured(c.mean, m.percent), c.mean)
            for m, c in zip(metrics, cells, strict=True)
        )
        rows.append([PageCell(row.label), *texts])
    return Chart(
        name,
        f"{task}: mean over the seeds",
        "A bar is the mean over the seeds; the thin line is its 95 % interval, "
        "where the mean of many more seeds would likely lie.",
        _bar_spec(data, metrics),
        {"points": columns},
        [_choice(metrics)],
        table=PageTable(f"{name}-table", f"{task}: means", _header(metrics), rows),
    )


def _header(metrics: Sequence[ComparedMetric]) -> list[PageColumn]:
    return [PageColumn("runs"), *(PageColumn(m.own.replace("_", " "), True) for m in metrics)]


def _add(columns: dict[str, list[Any]], point: Sequence[Any]) -> None:
    for values, value in zip(columns.values(), point, strict=True):
        values.append(short(value, 5) if isinstance(value, float) else value)


def _bar_spec(data: PageData, metrics: Sequence[ComparedMetric]) -> Spec:
    y = row_axis()
    x = {"type": "quantitative", "axis": {"title": None, "tickCount": 5}}
    tooltip = tip(("x", "mean"), ("lo", "interval from"), ("hi", "to"), ("n", "seeds"))
    bars = {
        "mark": {"type": "bar", "opacity": 0.75, "height": {"band": 0.7}},
        "encoding": {
            "y": y,
            "x": {**x, "field": "x"},
            "color": row_colour(len(data.rows)),
            "tooltip": tooltip,
        },
    }
    interval = {
        "mark": {"type": "rule", "color": "var(--ink)", "strokeWidth": 1.5},
        "encoding": {"y": y, "x": {**x, "field": "lo"}, "x2": {"field": "hi"}},
    }
    return chart(
        data.labels,
        {"metric": metrics[0].name},
        height=BAR * len(data.rows),
        data={"name": "points"},
        transform=[SHOWN, chosen("m", "metric"), NAMED],
        layer=[bars, interval],
    )


def _differences(data: PageData, task: str, metrics: Sequence[ComparedMetric], name: str) -> Chart:
    columns: dict[str, list[Any]] = {key: [] for key in ("r", "m", "x", "lo", "hi", "v")}
    rows = []
    for row in data.rows:
        found = [compared(row, metric) for metric in metrics]
        if not any(found):
            continue
        for metric, d in zip(metrics, found, strict=True):
            if d is not None:
                low, high = d.interval or (d.mean, d.mean)
                tone = TONES.get(d.verdict, "unsure")
                _add(columns, (row.place, metric.name, d.mean, low, high, tone))
        texts = (
            PageCell("")
            if d is None
            else PageCell(f"{measured(d.mean, m.percent, sign=True)}, {d.verdict}", d.mean)
            for m, d in zip(metrics, found, strict=True)
        )
        rows.append([PageCell(row.label), *texts])
    reference = data.reference.label
    return Chart(
        name,
        f"{task}: difference from {reference}",
        f"The dot is how far the runs are from {reference} with the same seed, on average; 0 is "
        "no difference. Where the line crosses 0 the difference may be chance.",
        _difference_spec(data, metrics),
        {"points": columns},
        [_choice(metrics)],
        table=PageTable(f"{name}-table", f"{task}: differences", _header(metrics), rows),
    )


def _difference_spec(data: PageData, metrics: Sequence[ComparedMetric]) -> Spec:
    y = row_axis()
    x = {"type": "quantitative", "axis": {"title": None, "tickCount": 5, "format": "+.3~g"}}
    tones = ["better", "worse", "unsure"]
    scale = {"domain": tones, "range": [f"var(--{tone})" for tone in tones]}
    colour = {"field": "v", "type": "nominal", "scale": scale, "legend": None}
    zero = {
        "data": {"values": [{"x": 0}]},
        "mark": {"type": "rule", "color": "var(--ink)", "strokeDash": [3, 3]},
        "encoding": {"x": {**x, "field": "x"}},
    }
    own: Spec = {"data": {"name": "points"}, "transform": [SHOWN, chosen("m", "metric"), NAMED]}
    interval = {
        "mark": {"type": "rule", "strokeWidth": 2},
        "encoding": {"y": y, "x": {**x, "field": "lo"}, "x2": {"field": "hi"}, "color": colour},
    }
    dot = {
        "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
        "encoding": {
            "y": y,
            "x": {**x, "field": "x"},
            "color": colour,
            "tooltip": tip(("x", "difference"), ("lo", "interval from"), ("hi", "to")),
        },
    }
    return chart(
        data.labels,
        {"metric": metrics[0].name},
        height=BAR * len(data.rows),
        layer=[zero, {**own, "layer": [interval, dot]}],
    )
