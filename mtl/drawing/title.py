"""A line of text above a picture."""

import cv2
import numpy as np
import numpy.typing as npt

from mtl.files import printable

HEIGHT = 24
"""Of the line, in pixels."""
_FONT, _SIZE, _MARGIN = cv2.FONT_HERSHEY_SIMPLEX, 0.5, 4


def titled(canvas: npt.NDArray[np.uint8], title: str) -> npt.NDArray[np.uint8]:
    """The picture below its title, which loses its beginning where it is too long.

    Args:
        canvas: (H, W, 3) uint8 RGB, not changed.
        title: what OpenCV's letters lack becomes a question mark.

    Returns:
        (H + ``HEIGHT``, W, 3).
    """
    width = canvas.shape[1]
    strip = np.full((HEIGHT, width, 3), 255, np.uint8)
    text = printable(title)
    shown = text
    while len(text) > 1 and _width(shown) > width - 2 * _MARGIN:
        text = text[1:]
        shown = f"...{text}"
    place = (_MARGIN, HEIGHT - 2 * _MARGIN)
    cv2.putText(strip, shown, place, _FONT, _SIZE, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([strip, canvas])


def _width(text: str) -> int:
    (width, _), _ = cv2.getTextSize(text, _FONT, _SIZE, 1)
    return int(width)
