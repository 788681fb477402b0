"""The charts of a task: bars, and differences from the reference."""

from collections.abc import Sequence

from mtl.runs.compare.comparison import ComparedMetric
from mtl.runs.page.data import PageData
from mtl.runs.page.specs import NAMED, TICKS, Spec, chart, chosen, row_axis, row_colour, tip

BAR = 26
"""Pixels for each row."""
AXIS = 34
"""Pixels below the rows."""


def bar_spec(data: PageData, metrics: Sequence[ComparedMetric]) -> Spec:
    """A bar for each row with its interval, and the level of chance."""
    y = row_axis()
    x = {"type": "quantitative", "axis": {"title": None, "tickCount": TICKS}}
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
    chance = {
        "data": {"name": "chance"},
        "transform": [chosen("m", "metric")],
        "mark": {
            "type": "rule",
            "color": "var(--worse)",
            "strokeDash": [5, 3],
            "strokeWidth": 1.5,
            "tooltip": {"expr": "'chance: ' + format(datum.x, '.3f')"},
        },
        "encoding": {"x": {**x, "field": "x"}},
    }
    own: Spec = {"data": {"name": "points"}, "transform": [chosen("m", "metric"), NAMED]}
    return chart(
        data.labels,
        {"metric": metrics[0].name},
        height=BAR * len(data.rows) + AXIS,
        layer=[{**own, "layer": [bars, interval]}, chance],
    )


def difference_spec(data: PageData, metrics: Sequence[ComparedMetric]) -> Spec:
    """A dot for each row with its interval, beside 0."""
    y = row_axis()
    x = {"type": "quantitative", "axis": {"title": None, "tickCount": TICKS, "format": "+.3~g"}}
    tones = ["better", "worse", "unsure"]
    scale = {"domain": tones, "range": [f"var(--{tone})" for tone in tones]}
    colour = {"field": "v", "type": "nominal", "scale": scale, "legend": None}
    zero = {
        "data": {"values": [{"x": 0}]},
        "mark": {"type": "rule", "color": "var(--ink)", "strokeDash": [3, 3]},
        "encoding": {"x": {**x, "field": "x"}},
    }
    own: Spec = {"data": {"name": "points"}, "transform": [chosen("m", "metric"), NAMED]}
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
        height=BAR * len(data.rows) + AXIS,
        layer=[zero, {**own, "layer": [interval, dot]}],
    )
