"""Several drawings of one picture: what can lie over each other, and what hides all below it."""

from collections.abc import Callable, Collection, Sequence

import numpy as np
import numpy.typing as npt

from mtl.drawing.marks import draw_caption

Canvas = npt.NDArray[np.uint8]


def panels(
    canvas: Canvas,
    names: Sequence[str],
    covering: Collection[str],
    draw: Callable[[Canvas, str], Canvas],
) -> list[Canvas]:
    """One picture with all that can lie over each other, then one for each that hides the others.

    Args:
        canvas: (H, W, 3) uint8 RGB, not changed.
        names: of what is drawn, the lowest first.
        covering: those that hide what is below; each is named where there are several pictures.
        draw: draws one on a copy.

    Returns:
        At least one, of the canvas's shape. Without anything that can lie over the picture there is
        no picture for it, unless there is nothing at all.
    """
    over = [name for name in names if name not in covering]
    alone = [name for name in names if name in covering]
    found = []
    if over or not alone:
        first = canvas
        for name in over:
            first = draw(first, name)
        found.append(first)
    several = len(alone) + len(found) > 1
    for name in alone:
        drawn = draw(canvas, name)
        found.append(draw_caption(drawn, [name]) if several else drawn)
    return found
