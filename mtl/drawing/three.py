"""Any number of channels as people see three."""

from typing import Any

import numpy as np
import numpy.typing as npt


def in_three(image: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """The first three channels as red, green and blue; of fewer the first as grey.

    Args:
        image: (H, W, C) uint8, or float in 0..255.

    Returns:
        (H, W, 3) uint8; the image itself where it is that.
    """
    if image.dtype != np.uint8:
        image = np.round(image).clip(0, 255).astype(np.uint8)
    channels = image.shape[2]
    if channels == 3:
        return image
    shown = image[..., :3] if channels > 3 else np.repeat(image[..., :1], 3, axis=2)
    return np.ascontiguousarray(shown)
