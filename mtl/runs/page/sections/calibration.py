"""Whether the tasks are as often right as they say."""

from statistics import fmean
from typing import Any

from mtl.runs.page.data import PageData
from mtl.runs.page.gather.averages import pooled_reliability
from mtl.runs.page.gather.decisions import Reliability
from mtl.runs.page.gather.numbers import short
from mtl.runs.page.labels import measured
from mtl.runs.page.parts import (
    Chart,
    PageCell,
    PageColumn,
    PagePart,
    PageSection,
    PageTable,
    SideBySide,
)
from mtl.runs.page.sections.curves import NONE, decisions_of, tasks_with_decisions
from mtl.runs.page.specs import (
    NAMED,
    SHOWN,
    TICKS,
    Spec,
    chart,
    diagonal,
    row_colour,
    row_dash,
    tip,
)


def calibration(data: PageData) -> PageSection:
    """A reliability diagram for each task that has one (Guo et al., 2017), and what was mended."""
    parts: list[PagePart] = []
    for place, task in enumerate(tasks_with_decisions(data)):
        found = {}
        for row in data.rows:
            kept = [d.reliability for d in decisions_of(row, task) if d.reliability is not None]
            if kept:
                found[row.place] = pooled_reliability(kept)
        if found:
            parts.append(_chart(data, task, found, f"calibration-{place}"))
    title = "Calibration"
    beside: list[PagePart] = [SideBySide(parts)] if parts else []
    mended = _mended(data)
    if mended is not None:
        beside.append(mended)
    return PageSection("calibration", title, beside, missing="" if beside else NONE)


def _mended(data: PageData) -> PageTable | None:
    """What ``mtl calibrate`` found, where it was asked: means over those runs of a row."""
    rows = []
    for row in data.rows:
        for task in data.main:
            found = [e.calibrated[task] for e in row.evidence if task in e.calibrated]
            if found:
                means = (
                    fmean(each.temperature for each in found),
                    fmean(each.before for each in found),
                    fmean(each.after for each in found),
                )
                numbers = [PageCell(measured(mean), mean) for mean in means]
                rows.append([PageCell(row.label), PageCell(task), *numbers])
    if not rows:
        return None
    header = [PageColumn("runs"), PageColumn("task"), PageColumn("temperature", True)]
    header += [PageColumn(f"calibration error {when}", True) for when in ("before", "after")]
    return PageTable("calibrated", "What mtl calibrate found", header, rows)


def _chart(data: PageData, task: str, found: dict[int, Reliability], name: str) -> Chart:
    columns: dict[str, list[Any]] = {key: [] for key in ("r", "x", "y", "n")}
    for place, part in found.items():
        for x, y, n in zip(part.confidence, part.accuracy, part.count, strict=True):
            if n > 0:
                for key, value in (("r", place), ("x", short(x)), ("y", short(y)), ("n", n)):
                    columns[key].append(value)
    rows = [[PageCell(data.rows[place].label), _error(part)] for place, part in found.items()]
    header = [PageColumn("runs"), PageColumn("calibration error (less is better)", True)]
    return Chart(
        name,
        f"{task}: calibration",
        "On the dotted line, what is said with 80 % confidence is right in 80 % of the cases. "
        "Below it, the network is surer than it should be.",
        _spec(data),
        {"points": columns},
        legend=sorted(found),
        table=PageTable(f"{name}-table", f"{task}: expected calibration error", header, rows),
    )


def _error(part: Reliability) -> PageCell:
    return PageCell("") if part.error is None else PageCell(measured(part.error), part.error)


def _spec(data: PageData) -> Spec:
    count = len(data.rows)
    unit = {"type": "quantitative", "scale": {"domain": [0, 1]}}
    line = {
        "data": {"name": "points"},
        "transform": [SHOWN, NAMED],
        "mark": {"type": "line", "strokeWidth": 2, "point": {"size": 30, "filled": True}},
        "encoding": {
            "x": {**unit, "field": "x", "axis": {"title": "confidence", "tickCount": TICKS}},
            "y": {**unit, "field": "y", "axis": {"title": "share that is right"}},
            "color": row_colour(count),
            "strokeDash": row_dash(count),
            "tooltip": tip(("x", "confidence"), ("y", "right"), ("n", "samples")),
        },
    }
    return chart(data.labels, {}, layer=[diagonal("as sure as right"), line])
