"""Masks of single objects, tinted and outlined."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from mtl.drawing.enlarge import enlarged
from mtl.drawing.marks import GREY, Canvas
from mtl.drawing.palette import color

Crop = tuple[int, int, npt.NDArray[np.bool_]]
"""Left, top, and the pixels from there on."""


def draw_instances(
    canvas: Canvas,
    crops: Sequence[Crop],
    classes: Sequence[int],
    untinted: Sequence[bool],
    factor: int = 1,
    opacity: float = 0.45,
) -> Canvas:
    """Tint objects in the colours of their classes, and draw their outlines.

    Args:
        canvas: (H * factor, W * factor, 3), not changed.
        crops: N masks, in pixels of the (H, W) picture.
        classes: N class indices.
        untinted: N flags for objects that don't count: they have a grey outline alone.
        factor: how many times larger the canvas is.
        opacity: of the tint, 0..1.
    """
    canvas = canvas.copy()
    for (left, top, pixels), index, plain in zip(crops, classes, untinted, strict=True):
        mask = enlarged(pixels.astype(np.uint8), factor)
        x, y = left * factor, top * factor
        part = canvas[y : y + mask.shape[0], x : x + mask.shape[1]]
        ink = GREY if plain else color(index)
        if not plain:
            tinted = cv2.addWeighted(part, 1 - opacity, np.full_like(part, ink), opacity, 0)
            part[mask > 0] = tinted[mask > 0]
        outlines, _ = cv2.findContours(
            mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=(x, y)
        )
        cv2.drawContours(canvas, outlines, -1, ink, 1)
    return canvas
