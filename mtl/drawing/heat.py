"""Numbers of pixels as colours."""

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps


def draw_heat(
    canvas: npt.NDArray[np.uint8], values: npt.NDArray[np.float32], opacity: float = 0.7
) -> npt.NDArray[np.uint8]:
    """Tint pixels from dark (the picture's smallest value) to bright (its largest).

    Args:
        canvas: (H, W, 3) uint8 RGB, not changed.
        values: (H, W), NaN where nothing is known; such pixels stay.
        opacity: 0..1.
    """
    canvas = canvas.copy()
    known = np.isfinite(values)
    if not known.any():
        return canvas
    low, high = values[known].min(), values[known].max()
    shares = (values[known] - low) / max(high - low, np.finfo(np.float32).tiny)
    ink = colormaps["viridis"](shares)[:, :3] * 255
    canvas[known] = np.round((1 - opacity) * canvas[known] + opacity * ink).astype(np.uint8)
    return canvas
