"""Numbers between tasks as heat maps."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from mtl.drawing.chart import to_canvas

COLUMNS = 3
"""Heat maps beside each other."""


def draw_matrices(
    matrices: Mapping[str, npt.NDArray[np.float64]],
    tasks: Sequence[str],
    limit: float,
    number: str = "{:+.2f}",
    rows: str = "",
    columns: str = "",
) -> npt.NDArray[np.uint8]:
    """One heat map per matrix, each cell with its number; red is negative, blue positive.

    Args:
        matrices: title to (T, T); NaN is left white.
        tasks: T names.
        limit: absolute value of the strongest colours.
        number: how a cell's number is written.
        rows: what the rows stand for.
        columns: what the columns stand for.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    count = len(tasks)
    across = min(COLUMNS, len(matrices))
    down = -(-len(matrices) // across)
    widest = max(len(number.format(0.0)), 4)
    side = 1.2 + count * max(0.75, 0.105 * widest)
    figure = Figure(figsize=(side * across + 0.8, side * down + 0.3), dpi=100, layout="constrained")
    grid = figure.subplots(down, across, squeeze=False)
    colours = colormaps["RdBu"].with_extremes(bad="white")
    for place, axes in enumerate(grid.flat):
        if place >= len(matrices):
            axes.set_axis_off()
            continue
        title, matrix = list(matrices.items())[place]
        axes.imshow(
            np.ma.masked_invalid(matrix), cmap=colours, vmin=-limit, vmax=limit, aspect="equal"
        )
        axes.set_title(title, fontsize=10)
        axes.set_xticks(range(count), tasks, rotation=35, ha="right", fontsize=9)
        axes.set_yticks(range(count), tasks, fontsize=9)
        if place // across == down - 1:
            axes.set_xlabel(columns)
        if place % across == 0:
            axes.set_ylabel(rows)
        for (row, column), value in np.ndenumerate(matrix):
            if np.isfinite(value):
                ink = "white" if abs(value) > 0.6 * limit else "black"
                text = number.format(value)
                axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=9)
    figure.colorbar(ScalarMappable(Normalize(-limit, limit), colours), ax=grid, shrink=0.8)
    return to_canvas(figure)
