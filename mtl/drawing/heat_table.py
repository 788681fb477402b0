"""A table of numbers above 0 as colours, however different they are."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from mtl.drawing.chart import to_canvas

DECADES = 3
"""From the darkest to the brightest colour; what is smaller is as dark."""


def draw_heat_table(
    values: npt.NDArray[np.float64],
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    number: str = "{:.2g}",
) -> npt.NDArray[np.uint8]:
    """Each cell with its number, its colour by the number's logarithm.

    Args:
        values: (R, C), at least 0; a cell of 0 is empty.
        rows: R names.
        columns: C names.
        title: says what the numbers are.
        number: how they are written.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    count, across = values.shape
    widest = max(map(len, rows), default=0)
    size = (1.5 + 0.075 * widest + 0.9 * across, 1.4 + 0.24 * count)
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    axes = figure.subplots()
    top = float(values.max(initial=0)) or 1.0
    scale = LogNorm(top / 10**DECADES, top, clip=True)
    colours = colormaps["viridis"].with_extremes(bad="white")
    shown = np.ma.masked_less_equal(values, 0)
    axes.imshow(shown, cmap=colours, norm=scale, aspect="auto")
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_yticks(range(count), rows, fontsize=8)
    axes.set_xticks(range(across), columns, fontsize=9, rotation=35, ha="right")
    for (row, column), value in np.ndenumerate(values):
        if value > 0:
            ink = "black" if scale(value) > 0.6 else "white"
            text = number.format(value)
            axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=8)
    figure.colorbar(ScalarMappable(scale, colours), ax=axes, shrink=0.8)
    return to_canvas(figure)
