"""PNG files, written whole."""

import io
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from mtl.drawing.palette import color
from mtl.files import write_whole

SMALL = [cv2.IMWRITE_PNG_COMPRESSION, 4, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT]
"""Enlarged pictures take a fifth of what they take by OpenCV's own choice, and hardly longer."""


def write_png(path: Path, image: npt.NDArray[np.uint8]) -> None:
    """Write an image; a file that is there is replaced in one step.

    Args:
        path: ends with ``.png``; folders are made.
        image: (H, W, 3) RGB or (H, W).
    """
    write_whole(path, encoded_png(image))


def encoded_png(image: npt.NDArray[np.uint8]) -> bytes:
    """What is in a PNG file of an image, (H, W, 3) RGB or (H, W)."""
    pixels = image[..., ::-1] if image.ndim == 3 else image
    ok, encoded = cv2.imencode(".png", np.ascontiguousarray(pixels), SMALL)
    if not ok:
        raise ValueError(f"can't encode an image of shape {image.shape}")
    return encoded.tobytes()


def write_indices(path: Path, mask: npt.NDArray[np.uint8], ignored: int) -> None:
    """Write class indices as a palette PNG: 0 black, what says nothing white, as VOC does it.

    Args:
        path: ends with ``.png``; folders are made.
        mask: (H, W).
        ignored: the index of pixels that say nothing.
    """
    image = Image.fromarray(mask)
    colors = [(0, 0, 0), *(color(index) for index in range(ignored - 1)), (255, 255, 255)]
    image.putpalette([part for rgb in colors for part in rgb])
    buffer = io.BytesIO()
    # Three times as fast as the usual level, and a third larger.
    image.save(buffer, "PNG", compress_level=3)
    write_whole(path, buffer.getvalue())
