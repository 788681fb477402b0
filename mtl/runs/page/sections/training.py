"""Losses and metrics over the training."""

from collections.abc import Sequence
from typing import Any

from mtl.config.measures import LOSS, SCORE
from mtl.runs.page.data import PageData
from mtl.runs.page.further import same_tasks
from mtl.runs.page.gather.numbers import short
from mtl.runs.page.gather.scalars import Band, band
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
from mtl.runs.page.specs import TICKS, banded_lines, chosen

MOST_CURVES = 240
"""Of all rows together; those of the validation come first."""
FEW_STEPS = 12
"""Curves this short get dots."""


def training(data: PageData) -> PageSection:
    """One chart with all curves, of which one is chosen."""
    names = _names(data)
    if not names:
        none = "the runs kept no curves: their folders have no metrics.csv."
        return PageSection("training", "Training", missing=none)
    bands = {
        (row.place, name): band(curves)
        for name in names
        for row in data.rows
        if (curves := [e.scalars[name] for e in row.evidence if name in e.scalars])
    }
    points = band_columns(bands, names)
    few = max(len(found.steps) for found in bands.values()) <= FEW_STEPS
    figure = Chart(
        "training-curves",
        "Training curves",
        "The line is the mean over the seeds; around few lines a band reaches from the lowest seed "
        "to the highest. To the right: steps of training.",
        banded_lines(
            data.labels,
            {"metric": "0"},
            [chosen("m", "metric")],
            {"axis": {"title": "steps", "tickCount": TICKS, "tickMinStep": 1, "format": "~s"}},
            {"axis": {"title": None}, "scale": {"zero": False}},
            ("step", "mean"),
            dots=few,
        ),
        {"points": points},
        [ChartChoice("metric", "Curve", numbered(map(_title, names)))],
        legend=range(len(data.rows)),
        table=_table(data, bands, names),
    )
    return PageSection("training", "Training", [figure])


def _names(data: PageData) -> list[str]:
    """Curves there are: the score, the main metrics, the rest of validation, then training."""
    comparable = same_tasks(data.comparison)
    found = {
        name: None
        for evidence in data.evidence
        for name in evidence.scalars
        if name.startswith(("val/", "train/"))
        if comparable or name.partition("/")[2] not in (SCORE, LOSS)
    }
    first = ["val/score", *(f"val/{task}/{own}" for task, own in data.main.items())]
    rank = {name: place for place, name in enumerate(first)}
    ordered = sorted(found, key=lambda name: (rank.get(name, len(rank)), name[0] != "v"))
    return ordered[: max(1, MOST_CURVES // len(data.rows))]


def _title(name: str) -> str:
    split, _, rest = name.partition("/")
    return (
        f"{rest.replace('/', ' ').replace('_', ' ')} ({ {'val': 'validation'}.get(split, split) })"
    )


def band_columns(bands: dict[tuple[int, str], Band], names: Sequence[str]) -> dict[str, list[Any]]:
    """Bands by row and name as the columns of a chart; names are numbered."""
    columns: dict[str, list[Any]] = {key: [] for key in ("r", "m", "x", "y", "lo", "hi")}
    for (place, name), found in bands.items():
        count = len(found.steps)
        columns["r"] += [place] * count
        columns["m"] += [names.index(name)] * count
        columns["x"] += found.steps
        for key, values in (("y", found.mean), ("lo", found.low), ("hi", found.high)):
            columns[key] += [short(value) for value in values]
    return columns


def _table(data: PageData, bands: dict[tuple[int, str], Band], names: Sequence[str]) -> PageTable:
    shown = [name for name in names if name.startswith("val/")] or list(names)
    header = [PageColumn("runs"), *(PageColumn(_title(name), True) for name in shown)]
    rows = []
    for row in data.rows:
        last = [bands.get((row.place, name)) for name in shown]
        cells = [
            PageCell("") if b is None else PageCell(measured(b.mean[-1]), b.mean[-1]) for b in last
        ]
        rows.append([PageCell(row.label), *cells])
    return PageTable("training-table", "Means over the seeds at the last step", header, rows)
