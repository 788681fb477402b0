"""Metrics over the angle by which images were turned."""

from collections.abc import Sequence

from mtl.runs.page.data import PageData
from mtl.runs.page.gather.scalars import Band, Logged, band
from mtl.runs.page.labels import measured
from mtl.runs.page.parts import (
    Chart,
    ChartChoice,
    PageCell,
    PageColumn,
    PageSection,
    PageTable,
    numbered,
)
from mtl.runs.page.sections.training import band_columns
from mtl.runs.page.specs import banded_lines, chosen

MOST_ANGLES = 361


def turned(data: PageData) -> PageSection:
    """One chart with a curve per row, of the metric that is chosen."""
    title = "Turned images"
    names = _names(data)
    if not names:
        none = "mtl eval run=DIR 'rotate=[0,15,...,345]' turns the test images."
        return PageSection("turned", title, missing=none)
    bands: dict[tuple[int, str], Band] = {}
    for row in data.rows:
        for name in names:
            found = [
                Logged([round(angle) for angle in e.turned.angles], e.turned.metrics[name])
                for e in row.evidence
                if e.turned is not None and name in e.turned.metrics
            ]
            if found:
                bands[row.place, name] = band(found, MOST_ANGLES)
    spec = banded_lines(
        data.labels,
        {"metric": "0"},
        [chosen("m", "metric")],
        {"axis": {"title": "images turned by (degrees)", "values": list(range(-360, 361, 45))}},
        {"axis": {"title": None}, "scale": {"zero": True}},
        ("degrees", "mean"),
        dots=True,
    )
    figure = Chart(
        "turned-curves",
        "Metric over the angle",
        "A flat line is a network that doesn't mind how images are turned. Around few lines, a "
        "band is the range of the seeds.",
        spec,
        {"points": band_columns(bands, names)},
        [ChartChoice("metric", "Metric", numbered(map(_title, names)))],
        legend=sorted({place for place, _ in bands}),
        table=_table(data, bands, names),
    )
    return PageSection("turned", title, [figure])


def _names(data: PageData) -> list[str]:
    found = dict.fromkeys(
        name for e in data.evidence if e.turned is not None for name in e.turned.metrics
    )
    return sorted(found, key=lambda name: name not in data.main_names)


def _title(name: str) -> str:
    return name.partition("/")[2].replace("/", " ").replace("_", " ")


def _table(data: PageData, bands: dict[tuple[int, str], Band], names: Sequence[str]) -> PageTable:
    header = [
        PageColumn("runs"),
        PageColumn("metric"),
        PageColumn("mean over the angles", True),
        PageColumn("smallest", True),
        PageColumn("largest", True),
    ]
    rows = []
    for (place, name), found in bands.items():
        values = (sum(found.mean) / len(found.mean), min(found.mean), max(found.mean))
        cells = [PageCell(measured(value), value) for value in values]
        rows.append([PageCell(data.rows[place].label), PageCell(_title(name)), *cells])
    return PageTable("turned-table", "Over the angles", header, rows)
