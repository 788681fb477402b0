"""Depths as colours, with a scale."""

import numpy as np
import numpy.typing as npt

from mtl.drawing.heat import draw_heat
from mtl.drawing.marks import draw_text

Canvas = npt.NDArray[np.uint8]
Depths = npt.NDArray[np.float32]
COLORS = "inferno_r"
"""Near is bright, far is dark, and equal steps look equal (Smith and van der Walt, 2015)."""
BEYOND = 2
"""Percent of the pixels that may lie beyond each end of the scale: a few wrong ones don't take
all the colours."""
OPACITY = 0.8


def draw_depth(canvas: Canvas, values: Depths, opacity: float = OPACITY) -> Canvas:
    """Tint pixels by their depth; a bar along the bottom tells which colour is which depth.

    Args:
        canvas: (H, W, 3) uint8 RGB, not changed.
        values: (H, W), NaN where unknown; such pixels stay.
        opacity: 0..1.
    """
    known = values[np.isfinite(values)]
    if not known.size:
        return canvas.copy()
    low, high = (float(end) for end in np.percentile(known, (BEYOND, 100 - BEYOND)))
    drawn = draw_heat(canvas, values, opacity, (low, high), COLORS)
    height, width = values.shape
    bar = drawn[height - max(2, height // 30) :]
    shades = np.tile(np.linspace(0, 1, width, dtype=np.float32), (len(bar), 1))
    bar[:] = draw_heat(bar, shades, 1, colors=COLORS)
    for end, x in ((low, 0), (high, width)):
        draw_text(drawn, f"{end:.3g}", x, height, (32, 32, 32))
    return drawn


def tinted_depth(values: Depths) -> Canvas:
    """The same alone: (H, W, 3), black where unknown."""
    return draw_depth(np.zeros((*values.shape, 3), np.uint8), values, 1)
