"""What quality costs: each row as a point, and the Pareto front."""

from collections.abc import Mapping, Sequence
from typing import Any

from mtl.runs.compare.comparison import ComparedMetric
from mtl.runs.compare.output.words import cost_text, mean_text
from mtl.runs.page.data import PageData
from mtl.runs.page.gather.numbers import short
from mtl.runs.page.labels import MORE_IS_BETTER, cost_name, metric_title
from mtl.runs.page.parts import (
    Chart,
    ChartChoice,
    PageCell,
    PageColumn,
    PageSection,
    PageTable,
)
from mtl.runs.page.specs import NAMED, TICKS, Spec, chart, chosen, row_colour, tip

QUALITIES = ("score", "delta_m")
"""Beside each task's main metric."""


def cost(data: PageData) -> PageSection:
    """A chart of quality over cost."""
    wanted = [*(f"{data.split}/{own}" for own in QUALITIES), *data.main_names]
    known = [metric for metric in data.metrics if metric.name in wanted]
    metrics = sorted(known, key=lambda metric: wanted.index(metric.name))
    costs = sorted(data.comparison.costs, key=lambda name: not _varies(data, name))
    if not metrics or not costs:
        none = "the runs say nothing of what they cost, or were not tested."
        return PageSection("cost", "Cost and quality", missing=none)
    columns: dict[str, list[Any]] = {key: [] for key in ("r", "c", "m", "x", "y", "front")}
    for name in costs:
        for metric in metrics:
            points = {
                row.place: (row.row.costs[name], row.cells[metric.name].mean)
                for row in data.rows
                if name in row.row.costs and metric.name in row.cells
            }
            front = pareto_front(points, name in MORE_IS_BETTER, metric.larger)
            for place, (x, y) in points.items():
                point = (place, name, metric.name, short(x, 5), short(y, 5), place in front)
                for values, value in zip(columns.values(), point, strict=True):
                    values.append(value)
    figure = Chart(
        "cost-quality",
        "Quality over cost",
        "Each dot is a line of the table. The line joins those that nothing beats in both: "
        "whatever is off it, something is at least as good and as cheap.",
        _spec(data, costs, metrics),
        {"points": columns},
        [
            ChartChoice(
                "metric", "Quality (upwards)", [(m.name, metric_title(m)) for m in metrics]
            ),
            ChartChoice("cost", "Cost (to the right)", [(c, cost_name(c)) for c in costs]),
        ],
        legend=range(len(data.rows)),
        switched=False,
        table=_table(data, costs, metrics),
    )
    return PageSection("cost", "Cost and quality", [figure])


def _varies(data: PageData, name: str) -> bool:
    return len({row.row.costs.get(name) for row in data.rows}) > 1


def pareto_front(
    points: Mapping[int, tuple[float, float]], more_cost: bool, more_quality: bool
) -> set[int]:
    """Places that no other beats in one without being worse in the other.

    Args:
        points: cost and quality by place.
        more_cost: whether more of the cost is better (images per second).
        more_quality: whether more of the quality is better.
    """
    signed = {
        place: (-x if more_cost else x, -y if more_quality else y)
        for place, (x, y) in points.items()
    }
    return {
        place
        for place, (x, y) in signed.items()
        if not any(a <= x and b <= y and (a, b) != (x, y) for a, b in signed.values())
    }


def _spec(data: PageData, costs: Sequence[str], metrics: Sequence[ComparedMetric]) -> Spec:
    axis = {"title": None, "tickCount": 6}
    x = {"field": "x", "type": "quantitative", "scale": {"zero": False, "padding": 24}}
    y = {"field": "y", "type": "quantitative", "scale": {"zero": False, "padding": 16}}
    place = {
        "x": {**x, "axis": {**axis, "tickCount": TICKS, "format": "~s"}},
        "y": {**y, "axis": axis},
    }
    front = {
        "transform": [{"filter": "datum.front"}],
        "mark": {"type": "line", "color": "var(--soft)", "strokeDash": [4, 3]},
        "encoding": {**place, "order": {"field": "x"}},
    }
    dots = {
        "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
        "encoding": {
            **place,
            "color": row_colour(len(data.rows)),
            "tooltip": tip(("x", "cost"), ("y", "quality")),
        },
    }
    names = {
        "transform": [{"filter": "datum.front"}],
        "mark": {"type": "text", "dy": -12, "limit": 130},
        "encoding": {**place, "text": {"field": "name", "type": "nominal"}},
    }
    return chart(
        data.labels,
        {"metric": metrics[0].name, "cost": costs[0]},
        height=360,
        data={"name": "points"},
        transform=[chosen("m", "metric"), chosen("c", "cost"), NAMED],
        layer=[front, dots, names],
    )


def _table(data: PageData, costs: Sequence[str], metrics: Sequence[ComparedMetric]) -> PageTable:
    header = [
        PageColumn("runs"),
        *(PageColumn(metric_title(metric), True) for metric in metrics),
        *(PageColumn(cost_name(name), True) for name in costs),
    ]
    rows = []
    for row in data.rows:
        cells = [row.cells.get(metric.name) for metric in metrics]
        spent = [row.row.costs.get(name) for name in costs]
        rows.append(
            [
                PageCell(row.label),
                *(
                    PageCell("") if c is None else PageCell(mean_text(c, m), c.mean)
                    for m, c in zip(metrics, cells, strict=True)
                ),
                *(
                    PageCell("") if v is None else PageCell(cost_text(name, v), v)
                    for name, v in zip(costs, spent, strict=True)
                ),
            ]
        )
    return PageTable("cost-table", "Quality and cost", header, rows)
