"""Numbers of pixels as colours."""

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps


def draw_heat(
    canvas: npt.NDArray[np.uint8],
    values: npt.NDArray[np.float32],
    opacity: float = 0.7,
    ends: tuple[float, float] | None = None,
    colors: str = "viridis",
) -> npt.NDArray[np.uint8]:
    """Tint pixels by their numbers.

    Args:
        canvas: (H, W, 3) uint8 RGB, not changed.
        values: (H, W), NaN where nothing is known; such pixels stay.
        opacity: 0..1.
        ends: which numbers get the first and the last colour, as do those beyond them; None: the
            smallest and the largest.
        colors: a colour map of matplotlib's; ``viridis`` runs from dark to bright.
    """
    known = np.isfinite(values)
    if not known.any():
        return canvas.copy()
    low, high = ends or (values[known].min(), values[known].max())
    shares = (values[known] - low) / max(high - low, np.finfo(np.float32).tiny)
    return blended(canvas, known, colormaps[colors](shares)[:, :3] * 255, opacity)


def blended(
    canvas: npt.NDArray[np.uint8],
    where: npt.NDArray[np.bool_],
    inks: npt.NDArray[np.floating],
    opacity: float,
) -> npt.NDArray[np.uint8]:
    """Some pixels in a colour each, on a copy.

    Args:
        canvas: (H, W, 3) uint8 RGB.
        where: (H, W), the n pixels.
        inks: (n, 3) in 0..255.
        opacity: 0..1.
    """
    canvas = canvas.copy()
    mixed = (1 - opacity) * canvas[where] + opacity * inks
    canvas[where] = np.round(mixed).clip(0, 255).astype(np.uint8)
    return canvas
