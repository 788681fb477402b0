"""Normals as colours."""

import numpy as np
import numpy.typing as npt

from mtl.drawing.heat import blended

Canvas = npt.NDArray[np.uint8]
Normals = npt.NDArray[np.float32]
OPACITY = 0.8


def draw_normals(canvas: Canvas, values: Normals, opacity: float = OPACITY) -> Canvas:
    """Red grows to the right, green upwards, blue towards the camera, as normal maps have it.

    Args:
        canvas: (H, W, 3) uint8 RGB, not changed.
        values: (H, W, 3) unit vectors, y down; NaN where unknown; such pixels stay.
        opacity: 0..1.
    """
    known = np.asarray(np.isfinite(values).all(-1))
    return blended(canvas, known, (values[known] * (1, -1, 1) + 1) * 127.5, opacity)


def tinted_normals(values: Normals) -> Canvas:
    """The same alone: (H, W, 3), black where unknown."""
    return draw_normals(np.zeros(values.shape, np.uint8), values, 1)
