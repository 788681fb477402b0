"""Confusion matrices."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.figure import Figure

from mtl.drawing.chart import to_canvas
from mtl.drawing.curves.lines import shown

NUMBERED = 12
"""Classes up to which each cell has its number."""
NAMED = 40
"""Classes up to which each row has its name; of more, the most confused are drawn."""
MOST_CONFUSED = 24
"""Of so many classes that not all can be named."""


def draw_confusion(
    classes: Sequence[str], counts: npt.ArrayLike, title: str
) -> npt.NDArray[np.uint8]:
    """The truth in rows, what was said in columns; the darker, the larger its share of the row.

    Of more than 40 classes those that take part in most mistakes have a row and a column, the
    others one together, in whose own cell their mistakes among each other count as well.

    Args:
        classes: C names.
        counts: (C, C).
        title: above.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    matrix = np.asarray(counts, np.float64)
    if len(classes) > NAMED:
        title += f"\nthe {MOST_CONFUSED} most confused of {len(classes)} classes"
        classes, matrix = most_confused(classes, matrix, MOST_CONFUSED)
    count = len(classes)
    whole = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, whole, out=np.zeros_like(matrix), where=whole > 0)
    side = float(np.clip(2.2 + 0.55 * count, 3.6, 9.0))
    figure = Figure(figsize=(side + 0.4, side), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap=colormaps["Blues"], vmin=0, vmax=1)
    names = [shown(name) for name in classes]
    size = 9 if count <= NUMBERED else 7
    axes.set_xticks(range(count), names, rotation=35, ha="right", fontsize=size)
    axes.set_yticks(range(count), names, fontsize=size)
    if count <= NUMBERED:
        for (row, column), share in np.ndenumerate(shares):
            text, ink = _short(float(matrix[row, column])), "white" if share > 0.55 else "black"
            axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=8)
    axes.set(xlabel="said", ylabel="truth")
    axes.set_title(title, fontsize=11)
    return to_canvas(figure)


def most_confused(
    classes: Sequence[str], matrix: npt.NDArray[np.float64], most: int
) -> tuple[list[str], npt.NDArray[np.float64]]:
    """The classes that take part in most mistakes, in their order, and the others as one.

    Args:
        classes: C names, more than ``most``.
        matrix: (C, C) counts, the truth in rows.
        most: classes that are kept.

    Returns:
        Their names and ``N others``, and (most + 1, most + 1) counts.
    """
    mistakes = matrix.sum(0) + matrix.sum(1) - 2 * np.diag(matrix)
    kept = np.sort(np.argsort(-mistakes, kind="stable")[:most])
    places = np.full(len(classes), most)
    places[kept] = np.arange(most)
    found = np.zeros((most + 1, most + 1))
    np.add.at(found, (places[:, None], places[None, :]), matrix)
    return [*(classes[place] for place in kept), f"{len(classes) - most} others"], found


def _short(count: float) -> str:
    """``950``, ``12k``, ``3.4M``."""
    for factor, unit in ((1e6, "M"), (1e3, "k")):
        if count >= 10_000 and count >= factor:
            return f"{count / factor:.3g}{unit}"
    return f"{count:.0f}"
