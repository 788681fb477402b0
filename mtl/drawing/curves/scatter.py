"""Numbers that were said against those that are true."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from mtl.drawing.chart import to_canvas
from mtl.drawing.curves.lines import shown
from mtl.drawing.grid import grid

SIDE = 4.0
"""Inches, of one number's picture."""
MOST = 9
"""Numbers that are drawn; of more, those that are explained least."""


def draw_scatter(entry: Mapping[str, Mapping[str, Any]], title: str) -> npt.NDArray[np.uint8]:
    """A square for each number, a dot for each sample; on the diagonal both are equal.

    Args:
        entry: ``scatter`` of the task's curves.
        title: its task and split.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    names = sorted(entry, key=lambda name: entry[name]["r2"] or 0)[:MOST]
    return grid([_square(name, entry[name], title) for name in entry if name in names])


def _square(name: str, own: Mapping[str, Any], title: str) -> npt.NDArray[np.uint8]:
    figure = Figure(figsize=(SIDE, SIDE), dpi=100)
    axes = figure.add_axes((0.19, 0.14, 0.78, 0.76))
    low, high = (pick(*own["truth"], *own["predicted"]) for pick in (min, max))
    margin = 0.03 * (high - low) or 1.0
    ends = [low - margin, high + margin]
    axes.plot(ends, ends, color="0.6", linewidth=1)
    axes.plot(own["truth"], own["predicted"], "o", color="black", markersize=3, alpha=0.4)
    axes.set(xlim=ends, ylim=ends, xlabel="true", ylabel="predicted")
    axes.locator_params(nbins=5)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)
    share = "" if own["r2"] is None else f", R² {own['r2']:.3f}"
    axes.set_title(f"{title}: {shown(name)}{share}", fontsize=10)
    return to_canvas(figure)
