"""All pictures of a task's tables and curves."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl.drawing.curves.confusion import draw_confusion
from mtl.drawing.curves.lines import Line, draw_lines, shown
from mtl.drawing.curves.scatter import draw_scatter

Canvas = npt.NDArray[np.uint8]
ALL = "all"
"""The mean over the classes, or the only curve there is."""
BACKGROUND = "background"
"""Class 0 of a mask, which isn't painted."""
MOST = 8
"""Classes with a line of their own; of more, those with the least area."""


def pictures(curves: Mapping[str, Any], title: str) -> dict[str, Canvas]:
    """Name to picture of each entry that can be drawn.

    Args:
        curves: what ``HeadCurves.compute`` returned, of one task.
        title: its task and split.
    """
    return {name: draw(curves, title) for name, draw in DRAWN.items() if curves.get(name)}


def _confusion(curves: Mapping[str, Any], title: str) -> Canvas:
    entry = curves["confusion"]
    return draw_confusion(entry["classes"], entry["counts"], title)


def _roc(curves: Mapping[str, Any], title: str) -> Canvas:
    lines, note = _lines(curves, "roc", "fpr", "tpr", "auc")
    name = f"{title}: ROC, AUC {curves['roc'][ALL]['auc']:.3f}"
    axes = "false positive rate", "true positive rate"
    return draw_lines(lines, name, *axes, note=note, diagonal=True)


def _pr(curves: Mapping[str, Any], title: str) -> Canvas:
    lines, note = _lines(curves, "pr", "recall", "precision", "ap")
    name = f"{title}: precision-recall, AP {curves['pr'][ALL]['ap']:.3f}"
    return draw_lines(lines, name, "recall", "precision", note=note)


def _success(curves: Mapping[str, Any], title: str) -> Canvas:
    curve = curves["success"][ALL]
    name = f"{title}: success, mean IoU {curve['area']:.3f}"
    line = Line("", curve["iou"], curve["recall"])
    return draw_lines([line], name, "IoU of at least", "share of images")


def _calibration(curves: Mapping[str, Any], title: str) -> Canvas:
    entry = curves["calibration"]
    line = Line("", entry["confidence"], entry["accuracy"])
    name = f"{title}: calibration, ECE {entry['ece']:.3f}"
    axes = "confidence", "share that is right"
    return draw_lines([line], name, *axes, diagonal=True, dots=True)


def _scatter(curves: Mapping[str, Any], title: str) -> Canvas:
    return draw_scatter(curves["scatter"], title)


DRAWN: dict[str, Callable[[Mapping[str, Any], str], Canvas]] = {
    "confusion": _confusion,
    "roc": _roc,
    "pr": _pr,
    "success": _success,
    "calibration": _calibration,
    "scatter": _scatter,
}
"""Entry to what draws it, of all of a task's curves."""


def _lines(
    curves: Mapping[str, Any], kind: str, x: str, y: str, area: str
) -> tuple[list[Line], str]:
    """The mean first, then the classes in their order; and what is to be said of them."""
    entry, numbers = curves[kind], class_numbers(curves)
    classes = sorted((name for name in entry if name != ALL), key=lambda name: entry[name][area])
    drawn = sorted(classes[:MOST], key=numbers.__getitem__)
    label = "mean of the classes" if classes else "all"
    lines = [
        Line(f"{shown(name)} {own[area]:.3f}", own[x], own[y], numbers[name])
        for name, own in ((name, entry[name]) for name in drawn)
    ]
    mean = Line(f"{label} {entry[ALL][area]:.3f}", entry[ALL][x], entry[ALL][y])
    note = f"the {MOST} worst of {len(classes)} classes" if len(classes) > MOST else ""
    return [mean, *lines], note


def class_numbers(curves: Mapping[str, Any]) -> dict[str, int]:
    """Class to its number in the palette, as boxes and masks are drawn; the background is -1.

    Args:
        curves: see ``pictures``.
    """
    names = [str(row["class"]) for row in curves.get("per_class", [])]
    names += [name for kind in ("roc", "pr") for name in curves.get(kind, {}) if name != ALL]
    ordered = list(dict.fromkeys(names))
    first = 1 if ordered[:1] == [BACKGROUND] else 0
    return {name: place - first for place, name in enumerate(ordered)}
