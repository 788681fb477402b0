"""Curves of the tasks over a threshold: ROC, precision-recall, and the success of boxes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mtl.runs.page.data import PageData, PageRow
from mtl.runs.page.gather.averages import averaged, height_at
from mtl.runs.page.gather.decisions import Kind, TaskDecisions, TradeOff
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
    SideBySide,
    numbered,
)
from mtl.runs.page.specs import TICKS, banded_lines, chosen, diagonal

MOST_CURVES = 90
"""Of a chart: with many rows only the mean and the first classes."""
TITLE = "ROC, precision-recall, success"
NONE = (
    "the runs kept no curves of the test split (curves/test.json): they are older than that file, "
    "or none of their heads decides between classes. mtl eval run=DIR writes those of one run."
)
OfRows = Mapping[str, Mapping[int, Sequence[TradeOff]]]
"""Curves by name (``all`` or a class), then by row."""
UNIT = {"scale": {"domain": [0, 1]}}


@dataclass(frozen=True)
class CurveWords:
    """How a kind of curve is told.

    Args:
        title: of its charts, after the task.
        reading: how to read it.
        axes: what x and y stand for.
        brief: the same beside the pointer.
        area: what the area under it is.
        at: what its height is called at the places below; holds ``{}``.
        places: x at which the table tells the height.
        guessing: whether the diagonal is what guessing gives.
    """

    title: str
    reading: str
    axes: tuple[str, str]
    brief: tuple[str, str]
    area: str
    at: str = ""
    places: tuple[float, ...] = ()
    guessing: bool = False


KINDS: Mapping[Kind, CurveWords] = {
    "roc": CurveWords(
        "ROC",
        "How much is found (TPR) for how many false alarms (FPR): the closer to the upper left, "
        "the better; guessing is the dotted line.",
        ("false positive rate (FPR)", "true positive rate (TPR)"),
        ("FPR", "TPR"),
        "AUC",
        "TPR at FPR {:g}",
        (0.01, 0.05, 0.1, 0.2),
        guessing=True,
    ),
    "pr": CurveWords(
        "precision and recall",
        "Of what is found, how much is right (precision), the more is found (recall): the closer "
        "to the upper right, the better.",
        ("recall", "precision"),
        ("recall", "precision"),
        "average precision",
    ),
    "success": CurveWords(
        "success",
        "The share of images whose box overlaps the true one by at least a threshold (IoU): the "
        "higher, the better. The area under the curve is the mean IoU.",
        ("IoU of at least", "share of the images"),
        ("IoU", "images"),
        "mean IoU",
        "images with IoU ≥ {:g}",
        (0.25, 0.5, 0.75, 0.9),
    ),
}


def curves(data: PageData) -> PageSection:
    """For each task the charts that its head has."""
    parts: list[PagePart] = []
    for place, task in enumerate(tasks_with_decisions(data)):
        found: list[PagePart] = [
            _chart(data, task, kind, of_kind, f"{kind}-{place}")
            for kind in KINDS
            if (of_kind := _of_rows(data, task, kind))
        ]
        if found:
            parts.append(SideBySide(found))
    return PageSection("curves", TITLE, parts, "" if parts else NONE)


def tasks_with_decisions(data: PageData) -> list[str]:
    """In the order of the tasks, then as the files have them."""
    found = dict.fromkeys(task for e in data.evidence for task in e.decisions)
    return [task for task in dict.fromkeys([*data.main, *found]) if task in found]


def decisions_of(row: PageRow, task: str) -> list[TaskDecisions]:
    """Those of a row's runs that kept them."""
    return [e.decisions[task] for e in row.evidence if task in e.decisions]


def _of_rows(data: PageData, task: str, kind: Kind) -> OfRows:
    found: dict[str, dict[int, list[TradeOff]]] = {}
    for row in data.rows:
        for decisions in decisions_of(row, task):
            for name, curve in decisions.curves[kind].items():
                found.setdefault(name, {}).setdefault(row.place, []).append(curve)
    ordered = sorted(found.items(), key=lambda item: item[0] != "all")
    return dict(ordered[: max(1, MOST_CURVES // len(data.rows))])


def _chart(data: PageData, task: str, kind: Kind, found: OfRows, name: str) -> Chart:
    words = KINDS[kind]
    x, y = ({"axis": {"title": title, "tickCount": TICKS}, **UNIT} for title in words.axes)
    spec = banded_lines(
        data.labels,
        {"metric": "0"},
        [chosen("m", "metric")],
        x,
        y,
        words.brief,
        extra=[diagonal("guessing")] if words.guessing else [],
    )
    return Chart(
        name,
        f"{task}: {words.title}",
        words.reading,
        spec,
        {"points": _columns(found, kind)},
        [ChartChoice("metric", "Class", numbered(found))] if len(found) > 1 else [],
        legend=sorted({place for by_row in found.values() for place in by_row}),
        table=_table(data, f"{task}: {words.title}", words, found, f"{name}-table"),
    )


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


def _table(data: PageData, caption: str, words: CurveWords, found: OfRows, name: str) -> PageTable:
    header = [
        PageColumn("runs"),
        PageColumn("class"),
        PageColumn(words.area, True),
        *(PageColumn(words.at.format(place), True) for place in words.places),
    ]
    rows = []
    for of_class, by_row in found.items():
        for place, of_row in by_row.items():
            heights = [height_at(of_row, x) for x in words.places]
            rows.append(
                [
                    PageCell(data.rows[place].label),
                    PageCell(of_class),
                    _area(of_row),
                    *(PageCell(measured(height), height) for height in heights),
                ]
            )
    return PageTable(name, f"{caption}, means over the seeds", header, rows)


def _area(of_row: Sequence[TradeOff]) -> PageCell:
    areas = [curve.area for curve in of_row if curve.area is not None]
    if not areas:
        return PageCell("")
    mean = sum(areas) / len(areas)
    text = measured(mean)
    if len(areas) > 1:
        text += f" ({measured(min(areas))} to {measured(max(areas))})"
    return PageCell(text, mean)
