"""All pictures of a task's tables and curves."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl.drawing.curves.confusion import draw_confusion
from mtl.drawing.curves.lines import Line, draw_lines, shown

Canvas = npt.NDArray[np.uint8]
ALL = "all"
"""The mean over the classes, or the only curve there is."""
MOST = 8
"""Classes with a line of their own; of more, those with the least area."""


def pictures(curves: Mapping[str, Any], title: str) -> dict[str, Canvas]:
    """Name to picture of each entry that can be drawn.

    Args:
        curves: what ``HeadCurves.compute`` returned, of one task.
        title: its task and split.
    """
    return {name: draw(curves[name], title) for name, draw in DRAWN.items() if curves.get(name)}


def _confusion(entry: Mapping[str, Any], title: str) -> Canvas:
    return draw_confusion(entry["classes"], entry["counts"], title)


def _roc(entry: Mapping[str, Any], title: str) -> Canvas:
    lines, note = _lines(entry, "fpr", "tpr", "auc")
    name = f"{title}: ROC, AUC {entry[ALL]['auc']:.3f}"
    axes = "false positive rate", "true positive rate"
    return draw_lines(lines, name, *axes, note=note, diagonal=True)


def _pr(entry: Mapping[str, Any], title: str) -> Canvas:
    lines, note = _lines(entry, "recall", "precision", "ap")
    name = f"{title}: precision-recall, AP {entry[ALL]['ap']:.3f}"
    return draw_lines(lines, name, "recall", "precision", note=note)


def _success(entry: Mapping[str, Any], title: str) -> Canvas:
    curve = entry[ALL]
    name = f"{title}: success, mean IoU {curve['area']:.3f}"
    line = Line("", curve["iou"], curve["recall"], strong=True)
    return draw_lines([line], name, "IoU of at least", "share of images")


def _calibration(entry: Mapping[str, Any], title: str) -> Canvas:
    line = Line("", entry["confidence"], entry["accuracy"], strong=True)
    name = f"{title}: calibration, ECE {entry['ece']:.3f}"
    axes = "confidence", "share that is right"
    return draw_lines([line], name, *axes, diagonal=True, dots=True)


DRAWN: dict[str, Callable[[Mapping[str, Any], str], Canvas]] = {
    "confusion": _confusion,
    "roc": _roc,
    "pr": _pr,
    "success": _success,
    "calibration": _calibration,
}
"""Entry to what draws it."""


def _lines(entry: Mapping[str, Any], x: str, y: str, area: str) -> tuple[list[Line], str]:
    """The mean first, then the classes from the least area up; and what is to be said of them."""
    classes = sorted((name for name in entry if name != ALL), key=lambda name: entry[name][area])
    label = "mean of the classes" if classes else "all"
    lines = [
        Line(f"{shown(name)} {own[area]:.3f}", own[x], own[y])
        for name, own in ((name, entry[name]) for name in classes[:MOST])
    ]
    mean = Line(f"{label} {entry[ALL][area]:.3f}", entry[ALL][x], entry[ALL][y], strong=True)
    note = f"the {MOST} worst of {len(classes)} classes" if len(classes) > MOST else ""
    return [mean, *lines], note
