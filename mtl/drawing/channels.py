"""Which tasks use which channels, as strips of colour."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mtl.drawing.chart import to_canvas

WIDTH, ROW, AROUND = 9.0, 0.34, 0.75
"""Inches: of the picture, of a task's strip, and around the strips of a panel."""
FAINTEST = 0.35
"""Of a colour, for a score of 0."""


@dataclass(frozen=True)
class Panel:
    """Tasks that choose among the same channels.

    Args:
        title: above.
        tasks: T names.
        scores: (T, C), each row in 0..1.
        kept: (T, C) bool.
    """

    title: str
    tasks: Sequence[str]
    scores: npt.NDArray[np.float64]
    kept: npt.NDArray[np.bool_]


def draw_channels(panels: Sequence[Panel], note: str) -> npt.NDArray[np.uint8]:
    """One panel above the other: a strip for each task, blue where it keeps a channel.

    Channels are in one order within a panel: those that most tasks keep first, those that nobody
    keeps last, and the larger scores first among equals. The darker, the larger the score.

    Args:
        panels: at least one.
        note: what scores are.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    heights = [AROUND + ROW * len(panel.tasks) for panel in panels]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.4), dpi=100, layout="constrained")
    grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)
    for axes, panel in zip(grid.flat, panels, strict=True):
        order = ordered(panel)
        scores = FAINTEST + (1 - FAINTEST) * panel.scores[:, order]
        blue, grey = (colormaps[name](scores)[..., :3] for name in ("Blues", "Greys"))
        # Grey only up to the middle: what is left out stands back.
        grey = 1 - (1 - grey) * 0.55
        picture = np.where(panel.kept[:, order, None], blue, grey)
        axes.imshow(picture, aspect="auto", interpolation="nearest")
        axes.set_yticks(range(len(panel.tasks)), panel.tasks, fontsize=9)
        axes.set_yticks(np.arange(1, len(panel.tasks)) - 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=2)
        axes.tick_params(which="minor", length=0)
        axes.set_title(panel.title, fontsize=10, loc="left")
    grid.flat[-1].set_xlabel("channels, in an order of their own in each stage")
    colours = {"kept": colormaps["Blues"](0.8), "left out": colormaps["Greys"](0.35)}
    handles = [Patch(color=colour, label=name) for name, colour in colours.items()]
    figure.legend(handles=handles, loc="outside upper right", ncols=2, fontsize=9, title=note)
    return to_canvas(figure)


def ordered(panel: Panel) -> npt.NDArray[np.int64]:
    """(C,): the channels in the order that they are drawn in."""
    # lexsort goes by its last key first.
    keys = [-panel.scores.sum(0), *(~panel.kept)[::-1], -panel.kept.sum(0)]
    return np.lexsort(keys)
