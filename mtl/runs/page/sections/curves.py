"""ROC and precision-recall curves of the tasks."""

from collections.abc import Sequence
from typing import Any

from mtl.runs.page.data import PageData, PageRow
from mtl.runs.page.gather.averages import Kind, at_rate, averaged
from mtl.runs.page.gather.decisions import TaskDecisions, TradeOff
from mtl.runs.page.gather.numbers import short
from mtl.runs.page.labels import measured
from mtl.runs.page.parts import (
    Chart,
    ChartChoice,
    PageCell,
    PageColumn,
    PagePart,
    PageSection,
    PageTable,
    Sentences,
    SideBySide,
    numbered,
)
from mtl.runs.page.specs import banded_lines, chosen, diagonal

RATES = (0.01, 0.05, 0.1, 0.2)
"""False positive rates at which the table tells the true positive rate."""
MOST_CURVES = 90
"""Of a chart: with many rows only the mean and the first classes."""
NONE = (
    "The runs kept no curves of the test split (curves/test.json): they are older than that file, "
    "or none of their heads decides between classes. mtl eval run=DIR writes those of one run."
)
OfRows = dict[str, dict[int, list[TradeOff]]]
"""Curves by name (``all`` or a class), then by row."""
UNIT = {"scale": {"domain": [0, 1]}}


def curves(data: PageData) -> PageSection:
    """A pair of charts for each task that has them."""
    parts: list[PagePart] = []
    for place, task in enumerate(tasks_with_decisions(data)):
        pair = [_roc(data, task, f"roc-{place}"), _precision_recall(data, task, f"pr-{place}")]
        found: list[PagePart] = [chart for chart in pair if chart is not None]
        if found:
            parts.append(SideBySide(found))
    title = "ROC and precision-recall"
    return PageSection("curves", title, parts or [Sentences([NONE])])


def tasks_with_decisions(data: PageData) -> list[str]:
    """In the order of the tasks, then as the files have them."""
    found = dict.fromkeys(task for e in data.evidence for task in e.decisions)
    return [task for task in dict.fromkeys([*data.main, *found]) if task in found]


def decisions_of(row: PageRow, task: str) -> list[TaskDecisions]:
    """Those of a row's runs that kept them."""
    return [e.decisions[task] for e in row.evidence if task in e.decisions]


def _of_rows(data: PageData, task: str, kind: Kind) -> OfRows:
    found: OfRows = {}
    for row in data.rows:
        for decisions in decisions_of(row, task):
            kept = decisions.roc if kind == "roc" else decisions.precision_recall
            for name, curve in kept.items():
                found.setdefault(name, {}).setdefault(row.place, []).append(curve)
    ordered = sorted(found.items(), key=lambda item: item[0] != "all")
    return dict(ordered[: max(1, MOST_CURVES // len(data.rows))])


def _columns(found: OfRows, kind: Kind) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {key: [] for key in ("r", "m", "x", "y", "lo", "hi")}
    for number, by_row in enumerate(found.values()):
        for place, of_row in by_row.items():
            values = averaged(of_row, kind)
            columns["r"] += [place] * values.shape[1]
            columns["m"] += [number] * values.shape[1]
            for key, points in zip(("x", "y", "lo", "hi"), values, strict=True):
                columns[key] += [short(float(point), 3) for point in points]
    return columns


def _class_choice(found: dict[str, Any]) -> ChartChoice:
    return ChartChoice("metric", "Class", numbered(found))


def _rows_in(found: dict[str, dict[int, Any]]) -> list[int]:
    return sorted({place for by_row in found.values() for place in by_row})


def _roc(data: PageData, task: str, name: str) -> Chart | None:
    found = _of_rows(data, task, "roc")
    if not found:
        return None
    header = [
        PageColumn("runs"),
        PageColumn("class"),
        PageColumn("AUC", True),
        *(PageColumn(f"TPR at FPR {rate:g}", True) for rate in RATES),
    ]
    rows = []
    for of_class, by_row in found.items():
        for place, of_row in by_row.items():
            rates = [at_rate(of_row, rate) for rate in RATES]
            cells = [PageCell(measured(value), value) for value in rates]
            rows.append(
                [PageCell(data.rows[place].label), PageCell(of_class), _area(of_row), *cells]
            )
    spec = banded_lines(
        data.labels,
        {"metric": "0"},
        [chosen("m", "metric")],
        {"axis": {"title": "false positive rate (FPR)"}, **UNIT},
        {"axis": {"title": "true positive rate (TPR)"}, **UNIT},
        ("FPR", "TPR"),
        extra=[diagonal("guessing")],
    )
    return Chart(
        name,
        f"{task}: ROC",
        "How much is found (TPR) for how many false alarms (FPR): the closer to the upper left, "
        "the better; guessing is the dotted line. The band is the range of the seeds.",
        spec,
        {"points": _columns(found, "roc")},
        [_class_choice(found)],
        legend=_rows_in(found),
        table=PageTable(f"{name}-table", f"{task}: areas under the ROC curves", header, rows),
    )


def _precision_recall(data: PageData, task: str, name: str) -> Chart | None:
    found = _of_rows(data, task, "pr")
    if not found:
        return None
    header = [PageColumn("runs"), PageColumn("class"), PageColumn("average precision", True)]
    rows = [
        [PageCell(data.rows[place].label), PageCell(of_class), _area(of_row)]
        for of_class, by_row in found.items()
        for place, of_row in by_row.items()
    ]
    spec = banded_lines(
        data.labels,
        {"metric": "0"},
        [chosen("m", "metric")],
        {"axis": {"title": "recall"}, **UNIT},
        {"axis": {"title": "precision"}, **UNIT},
        ("recall", "precision"),
    )
    return Chart(
        name,
        f"{task}: precision and recall",
        "Of what is found, how much is right (precision), the more is found (recall): the closer "
        "to the upper right, the better.",
        spec,
        {"points": _columns(found, "pr")},
        [_class_choice(found)],
        legend=_rows_in(found),
        table=PageTable(f"{name}-table", f"{task}: average precision", header, rows),
    )


def _area(of_row: Sequence[TradeOff]) -> PageCell:
    areas = [curve.area for curve in of_row if curve.area is not None]
    if not areas:
        return PageCell("")
    mean = sum(areas) / len(areas)
    text = measured(mean)
    if len(areas) > 1:
        text += f" ({measured(min(areas))} to {measured(max(areas))})"
    return PageCell(text, mean)
