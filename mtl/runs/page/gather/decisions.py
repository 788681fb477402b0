"""Curves and confusions of a run's test split."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mtl.files import read_json
from mtl.runs.chance import FILES
from mtl.runs.page.gather.numbers import columns, mapping, number, numbers

Kind = Literal["roc", "pr", "success"]
KEYS: Mapping[Kind, tuple[str, str, str]] = {
    "roc": ("fpr", "tpr", "auc"),
    "pr": ("recall", "precision", "ap"),
    "success": ("iou", "recall", "area"),
}
"""Kind of curve to what its file calls x, y and the area; see ``mtl/model/curves/base.py``."""


@dataclass(frozen=True)
class TradeOff:
    """A curve over a threshold: ROC, precision-recall, or the success of a box.

    Args:
        x: false positive rate, recall, or IoU; ascending.
        y: true positive rate, precision, or the share of images; one for each.
        area: under it: AUC, average precision, or mean IoU; None where it isn't said.
    """

    x: list[float]
    y: list[float]
    area: float | None


@dataclass(frozen=True)
class Reliability:
    """How often a task is right where it is so sure, by bins of confidence.

    Args:
        confidence: mean of each bin.
        accuracy: share that was right.
        count: samples.
        error: expected calibration error; None where it isn't said.
    """

    confidence: list[float]
    accuracy: list[float]
    count: list[float]
    error: float | None


@dataclass(frozen=True)
class Confusions:
    """Samples by true class (rows) and decided class (columns).

    Args:
        classes: names, C of them.
        counts: C lists of C numbers.
    """

    classes: tuple[str, ...]
    counts: list[list[float]]


@dataclass(frozen=True)
class TaskDecisions:
    """What a task decided on the test split; what its head has none of is empty or None.

    Args:
        curves: by kind, then by class or ``all``.
        reliability: of its confidence.
        confusions: of its classes.
    """

    curves: Mapping[Kind, Mapping[str, TradeOff]]
    reliability: Reliability | None
    confusions: Confusions | None


def read_decisions(folder: Path) -> dict[str, TaskDecisions]:
    """By task; empty where the run kept none.

    Raises:
        BadFile: the file is no JSON object.
    """
    files = (folder / name for name in FILES)
    tasks = mapping(next(filter(None, map(read_json, files)), {}))
    return {task: _decisions(mapping(node)) for task, node in tasks.items()}


def _decisions(node: Mapping[str, Any]) -> TaskDecisions:
    return TaskDecisions(
        {kind: _trade_offs(node.get(kind), *keys) for kind, keys in KEYS.items()},
        _reliability(node.get("calibration")),
        _confusions(node.get("confusion")),
    )


def _trade_offs(node: object, x: str, y: str, area: str) -> dict[str, TradeOff]:
    found = {}
    for name, curve in mapping(node).items():
        values = columns(curve, (x, y))
        if values is not None:
            points = sorted(zip(*values, strict=True), key=lambda point: point[0])
            xs, ys = [p[0] for p in points], [p[1] for p in points]
            found[name] = TradeOff(xs, ys, number(mapping(curve).get(area)))
    return found


def _reliability(node: object) -> Reliability | None:
    found = columns(node, ("confidence", "accuracy", "count"))
    if found is None:
        return None
    confidence, accuracy, count = found
    return Reliability(confidence, accuracy, count, number(mapping(node).get("ece")))


def _confusions(node: object) -> Confusions | None:
    classes, counts = (mapping(node).get(key) for key in ("classes", "counts"))
    if not isinstance(classes, list) or not isinstance(counts, list) or not classes:
        return None
    rows = [row for row in map(numbers, counts) if row and len(row) == len(classes)]
    return Confusions(tuple(map(str, classes)), rows) if len(rows) == len(classes) else None
