"""Curves in the unit square."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from mtl.drawing.chart import to_canvas
from mtl.drawing.palette import DISTINCT, color

STYLES = ("-", "--", ":")
TICKS = (0, 0.25, 0.5, 0.75, 1)
SQUARE, WIDTH = 4.7, 7.4
"""Inches, of a picture without and with names beside it."""
LONGEST = 24
"""Letters of a name."""


@dataclass(frozen=True)
class Line:
    """One curve.

    Args:
        name: in the legend.
        x: in 0..1.
        y: likewise.
        number: of its class, which decides colour and kind of line; -1 for the background, which
            is grey; None for the one to look at first, which is black.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    number: int | None = None


def draw_lines(
    lines: Sequence[Line],
    title: str,
    across: str,
    up: str,
    *,
    note: str = "",
    diagonal: bool = False,
    dots: bool = False,
) -> npt.NDArray[np.uint8]:
    """Curves in one square, told apart by colour and by the kind of line.

    Args:
        lines: a class has the same look in every picture.
        title: above.
        across: what the x axis stands for.
        up: what the y axis stands for.
        note: above the names of the curves, which stand beside them where there are several.
        diagonal: whether to draw x = y.
        dots: whether to mark the points.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    several = len(lines) > 1
    width = WIDTH if several else SQUARE
    figure = Figure(figsize=(width, SQUARE), dpi=100)
    axes = figure.add_axes((0.65 / width, 0.12, 3.85 / width, 0.80))
    if diagonal:
        axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    for line in lines:
        look: dict[str, Any] = {"color": "black", "linewidth": 2.2, "zorder": 5}
        if line.number is not None:
            look = {"color": "0.55", "linewidth": 1.3, "linestyle": "-"}
            if line.number >= 0:
                look["color"] = [part / 255 for part in color(line.number)]
                look["linestyle"] = STYLES[line.number // DISTINCT % len(STYLES)]
        axes.plot(line.x, line.y, label=line.name, marker="o" if dots else None, **look)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xticks=TICKS, yticks=TICKS)
    axes.set(xlabel=across, ylabel=up)
    axes.set_title(title, fontsize=11)
    axes.grid(alpha=0.3)
    if several:
        # Beside the curves, which may be anywhere.
        place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0)}
        axes.legend(**place, fontsize=9, frameon=False, title=note or None)
    return to_canvas(figure)


def shown(name: str) -> str:
    """A name that leaves room for others."""
    # matplotlib reads mathematics between dollars, and leaves out what begins with a line.
    plain = name.replace("$", r"\$").lstrip("_") or name
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST - 1]}…"
