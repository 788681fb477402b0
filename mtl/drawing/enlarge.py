"""Small pictures made large enough to be looked at."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt


def enlarged(picture: npt.NDArray[Any], factor: int) -> npt.NDArray[Any]:
    """Each pixel as a square of ``factor`` pixels a side.

    Args:
        picture: (H, W) or (H, W, 3) uint8 or float32.
        factor: 1 or more.
    """
    if factor == 1:
        return picture
    large = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
    return np.asarray(large, picture.dtype)
