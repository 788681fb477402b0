"""Charts in Vega-Lite. Colours are the style sheet's, so that a chart follows its theme."""

from collections.abc import Mapping, Sequence
from typing import Any

from mtl.runs.page.lines import FEW

Spec = dict[str, Any]

COLOURS = 8
"""That the style sheet has; then they begin anew with other dashes."""
DASHES = ([1, 0], [6, 3], [2, 2], [9, 3, 2, 3])
FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
SHOWN = {"filter": "indexof(shown, datum.r) >= 0"}
"""Only points of rows that are switched on."""
CONFIG = {
    "aria": False,
    "background": "transparent",
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--soft)",
        "titleColor": "var(--ink)",
        "gridColor": "var(--line)",
        "domainColor": "var(--soft)",
        "tickColor": "var(--soft)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        # Numbers that would touch are left out.
        "labelOverlap": "parity",
        "labelSeparation": 8,
    },
    "text": {"color": "var(--ink)", "fontSize": 12},
}


def colour_of(place: int) -> str:
    """Of a row, as CSS has it."""
    return f"var(--row-{place % COLOURS})"


def dash_of(place: int) -> list[int]:
    """Of a row's line, in pixels: drawn, left out, and so on."""
    return DASHES[place // COLOURS % len(DASHES)]


def chart(labels: Sequence[str], params: Mapping[str, Any], **body: Any) -> Spec:
    """A whole specification.

    Args:
        labels: of the rows.
        params: what can be chosen, and what is at first.
        body: the rest: ``layer``, ``transform``, ``height``...
    """
    known = {"shown": list(range(len(labels))), "names": list(labels), **params}
    return {
        "width": "container",
        "height": 300,
        # The axis of what is chosen later may need more room for its numbers.
        "autosize": {"type": "fit", "contains": "padding", "resize": True},
        "config": CONFIG,
        "params": [{"name": name, "value": value} for name, value in known.items()],
        **body,
    }


def row_colour(count: int) -> Spec:
    """Colour by row."""
    places = list(range(count))
    scale = {"domain": places, "range": [colour_of(place) for place in places]}
    return {"field": "r", "type": "nominal", "scale": scale, "legend": None}


def row_dash(count: int) -> Spec:
    """Dashes by row."""
    places = list(range(count))
    scale = {"domain": places, "range": [dash_of(place) for place in places]}
    return {"field": "r", "type": "nominal", "scale": scale, "legend": None}


def row_axis() -> Spec:
    """Rows one below the other, by name."""
    return {
        "field": "r",
        "type": "ordinal",
        "axis": {
            "labelExpr": "names[datum.value]",
            "labelLimit": 150,
            "title": None,
            "labelColor": "var(--ink)",
            "ticks": False,
            "domain": False,
        },
    }


def tip(*fields: tuple[str, str], number: str = ".4~g") -> list[Spec]:
    """What a pointer shows of a point: the row's name, then fields with their titles."""
    shown = [
        {"field": field, "title": title, "type": "quantitative", "format": number}
        for field, title in fields
    ]
    return [{"field": "name", "title": "runs", "type": "nominal"}, *shown]


TICKS = {"expr": "max(2, ceil(width / 90))"}
"""As many as there is room for."""
NAMED = {"calculate": "names[datum.r]", "as": "name"}
"""Gives every point its row's name."""


def chosen(field: str, signal: str) -> Spec:
    """Only points of what is chosen."""
    return {"filter": f"datum.{field} == {signal}"}


def banded_lines(
    labels: Sequence[str],
    params: Mapping[str, Any],
    filters: Sequence[Spec],
    x: Spec,
    y: Spec,
    titles: tuple[str, str],
    extra: Sequence[Spec] = (),
    dots: bool = False,
) -> Spec:
    """A line per row, and the range of its seeds as a band while few lines are shown.

    Args:
        labels: of the rows.
        params: what can be chosen.
        filters: beside that of the rows shown.
        x: channel of the field ``x``, without the field.
        y: channel of ``y``, ``lo`` and ``hi``, without the field.
        titles: of x and y beside the pointer.
        extra: further layers, below.
        dots: whether points are marked.
    """
    count = len(labels)
    colour, dash = row_colour(count), row_dash(count)
    horizontal = {"field": "x", "type": "quantitative", **x}
    vertical = {"type": "quantitative", **y}
    band = {
        "transform": [{"filter": f"length(shown) <= {FEW}"}],
        "mark": {"type": "area", "opacity": 0.13},
        "encoding": {
            "x": horizontal,
            "y": {**vertical, "field": "lo"},
            "y2": {"field": "hi"},
            "color": colour,
        },
    }
    points: Any = {"size": 30, "filled": True} if dots else "transparent"
    line = {
        "mark": {"type": "line", "strokeWidth": 2, "point": points, "clip": True},
        "encoding": {
            "x": horizontal,
            "y": {**vertical, "field": "y"},
            "color": colour,
            "strokeDash": dash,
            "tooltip": tip(
                ("x", titles[0]), ("y", titles[1]), ("lo", "lowest seed"), ("hi", "highest seed")
            ),
        },
    }
    data = {"data": {"name": "points"}, "transform": [SHOWN, *filters, NAMED]}
    return chart(labels, params, layer=[*extra, {**data, "layer": [band, line]}])


def diagonal(title: str) -> Spec:
    """The dotted line from (0, 0) to (1, 1)."""
    return {
        "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
        "mark": {"type": "line", "strokeDash": [2, 3], "color": "var(--soft)", "tooltip": title},
        "encoding": {
            "x": {"field": "x", "type": "quantitative"},
            "y": {"field": "y", "type": "quantitative"},
        },
    }
