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
"""Classes up to which each row has its name."""


def draw_confusion(
    classes: Sequence[str], counts: npt.ArrayLike, title: str
) -> npt.NDArray[np.uint8]:
    """The truth in rows, what was said in columns; the darker, the larger its share of the row.

    Args:
        classes: C names.
        counts: (C, C).
        title: above.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    matrix = np.asarray(counts, np.float64)
    count = len(classes)
    whole = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, whole, out=np.zeros_like(matrix), where=whole > 0)
    side = float(np.clip(2.2 + 0.55 * count, 3.6, 9.0))
    figure = Figure(figsize=(side + 0.4, side), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap=colormaps["Blues"], vmin=0, vmax=1)
    if count <= NAMED:
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


def _short(count: float) -> str:
    """``950``, ``12k``, ``3.4M``."""
    for factor, unit in ((1e6, "M"), (1e3, "k")):
        if count >= 10_000 and count >= factor:
            return f"{count / factor:.3g}{unit}"
    return f"{count:.0f}"
