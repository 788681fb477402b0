"""What quality costs: each row as a point, and the Pareto front."""

from collections.abc import Mapping, Sequence
from typing import Any

from mtl.runs.compare.comparison import ComparedMetric
from mtl.runs.compare.output.words import Digits, cost_text, mean_text
from mtl.runs.page.crowded import dots
from mtl.runs.page.data import PageData
from mtl.runs.page.gather.numbers import short
from mtl.runs.page.labels import MORE_IS_BETTER, cost_name, in_unit, metric_title
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
ALL_NAMED = 16
"""Rows up to which every dot has its name; of more, those that nothing beats in both."""
LINE = 14
"""Pixels of a name's height."""
BEYOND = (
    "isValid(bounds[metric][0]) && datum.value < bounds[metric][0] || "
    "isValid(bounds[metric][1]) && datum.value > bounds[metric][1]"
)
"""Whether the metric can't have a number of the axis, which is there for the names' sake."""
UNLESS_BEYOND = {"condition": {"test": BEYOND, "value": 0}, "value": 1}
ONLY_POSSIBLE = {
    # The opacity of labels is that of labelOverlap.
    "labelExpr": f"{BEYOND} ? '' : datum.label",
    "tickOpacity": UNLESS_BEYOND,
    "gridOpacity": UNLESS_BEYOND,
}


def cost(data: PageData) -> PageSection:
    """A chart of quality over cost."""
    wanted = [*(f"{data.split}/{own}" for own in QUALITIES), *data.main_names]
    known = [metric for metric in data.metrics if metric.name in wanted]
    # What most rows have comes first.
    metrics = sorted(known, key=lambda m: (_lacking(data, m), wanted.index(m.name)))
    costs = sorted(data.comparison.costs, key=lambda name: not _varies(data, name))
    if not metrics or not costs:
        none = "the runs say nothing of what they cost, or were not tested."
        return PageSection("cost", "Cost and quality", missing=none)
    if len(data.rows) == 1:
        # A dot has nothing to be held against.
        return PageSection("cost", "Cost and quality", [_table(data, costs, metrics)])
    keys = ("r", "c", "m", "x", "y", "front", "size", "label", "lines", "align")
    columns: dict[str, list[Any]] = {key: [] for key in keys}
    for name in costs:
        for metric in metrics:
            points = {
                row.place: (row.row.costs[name], Digits(metric).scaled(row.cells[metric.name].mean))
                for row in data.rows
                if name in row.row.costs and metric.name in row.cells
            }
            front = pareto_front(points, name in MORE_IS_BETTER, metric.larger)
            named = points if len(data.rows) <= ALL_NAMED else front
            for place, dot in dots(points, data.labels, named).items():
                x, y = (short(value, 5) for value in points[place])
                label = "\n".join(dot.names)
                look = (short(dot.size, 5), label, _lines(label), dot.align)
                point = (place, name, metric.name, x, y, place in front, *look)
                for values, value in zip(columns.values(), point, strict=True):
                    values.append(value)
    figure = Chart(
        "cost-quality",
        "Quality over cost",
        "Each dot is a line of the table; dots at one place are drawn as rings around each other. "
        "The line joins those that nothing beats in both: whatever is off it, something is at "
        "least as good and as cheap.",
        _spec(data, costs, metrics, max(map(_lines, columns["label"]), default=0)),
        {"points": columns},
        [
            ChartChoice("metric", "Quality (upwards)", [(m.name, in_unit(m)) for m in metrics]),
            ChartChoice("cost", "Cost (to the right)", [(c, cost_name(c)) for c in costs]),
        ],
        legend=range(len(data.rows)),
        switched=False,
        table=_table(data, costs, metrics),
    )
    return PageSection("cost", "Cost and quality", [figure])


def _lacking(data: PageData, metric: ComparedMetric) -> int:
    return sum(metric.name not in row.cells for row in data.rows)


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


def _lines(label: str) -> int:
    return label.count("\n") + 1 if label else 0


def _spec(
    data: PageData, costs: Sequence[str], metrics: Sequence[ComparedMetric], names_above: int
) -> Spec:
    """With room for names above the highest dot, and no number on the axis that can't be."""
    # Of values that are all one, no other format would tell more than whole numbers.
    axis = {"title": None, "tickCount": 6, "format": ".4~g"}
    above = 18 + LINE * names_above
    x = {"field": "x", "type": "quantitative", "scale": {"zero": False, "padding": 24}}
    y = {"field": "y", "type": "quantitative", "scale": {"zero": False, "padding": above}}
    place = {
        "x": {**x, "axis": {**axis, "tickCount": TICKS, "format": "~s"}},
        "y": {**y, "axis": axis | ONLY_POSSIBLE},
    }
    bounds = {metric.name: [metric.low, metric.high] for metric in metrics}
    front = {
        "transform": [{"filter": "datum.front"}],
        "mark": {"type": "line", "color": "var(--soft)", "strokeDash": [4, 3]},
        "encoding": {**place, "order": {"field": "x"}},
    }
    dots = {
        "mark": {"type": "point", "filled": True, "size": {"expr": "datum.size"}, "opacity": 1},
        "encoding": {
            **place,
            "color": row_colour(len(data.rows)),
            "tooltip": tip(("x", "cost"), ("y", "quality")),
        },
    }
    names = {
        "transform": [{"filter": "datum.label"}],
        "mark": {
            "type": "text",
            "baseline": "bottom",
            "dy": {"expr": f"-sqrt(datum.size) / 2 - 2 - {LINE} * (datum.lines - 1)"},
            "limit": 180,
            "align": {"expr": "datum.align"},
            "lineBreak": "\n",
            "lineHeight": LINE,
        },
        "encoding": {**place, "text": {"field": "label", "type": "nominal"}},
    }
    return chart(
        data.labels,
        {"metric": metrics[0].name, "cost": costs[0], "bounds": bounds},
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
