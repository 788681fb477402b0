"""Picture files, written whole."""

import io
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from mtl.drawing.palette import color
from mtl.files import write_whole

SMALL = [cv2.IMWRITE_PNG_COMPRESSION, 4, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT]
"""Enlarged pictures take a fifth of what they take by OpenCV's own choice, and hardly longer."""
JPEG_QUALITY = 92


def write_png(path: Path, image: npt.NDArray[np.uint8]) -> None:
    """Write an image; a file that is there is replaced in one step.

    Args:
        path: ends with ``.png``; folders are made.
        image: (H, W, 3) RGB or (H, W).
    """
    write_whole(path, encoded_png(image))


def write_photograph(path: Path, image: npt.NDArray[np.uint8]) -> None:
    """Write a picture whose every pixel differs, where time counts and not the last byte.

    Args:
        path: ends with ``.jpg`` or ``.png``, which says how; folders are made.
        image: (H, W, 3) RGB.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if path.suffix == ".jpg" else []
    write_whole(path, _encoded(path.suffix, image, options))


def encoded_png(image: npt.NDArray[np.uint8]) -> bytes:
    """What is in a PNG file of an image, (H, W, 3) RGB or (H, W)."""
    return _encoded(".png", image, SMALL)


def write_indices(path: Path, mask: npt.NDArray[np.uint8], ignored: int) -> None:
    """Write class indices as a palette PNG: 0 black, what says nothing white, as VOC does it.

    Args:
        path: ends with ``.png``; folders are made.
        mask: (H, W).
        ignored: the index of pixels that say nothing.
    """
    image = Image.fromarray(mask)
    image.putpalette(_palette(ignored))
    buffer = io.BytesIO()
    # Areas of one value are runs: faster than to look for more, and smaller than level 3 of it.
    image.save(buffer, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    write_whole(path, buffer.getvalue())


@cache
def _palette(ignored: int) -> list[int]:
    colors = [(0, 0, 0), *(color(index) for index in range(ignored - 1)), (255, 255, 255)]
    return [part for rgb in colors for part in rgb]


def _encoded(suffix: str, image: npt.NDArray[np.uint8], options: Sequence[int]) -> bytes:
    pixels = np.ascontiguousarray(image)
    if image.ndim == 3:
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), np.uint8)
    ok, encoded = cv2.imencode(suffix, pixels, options)
    if not ok:
        raise ValueError(f"can't encode an image of shape {image.shape}")
    return encoded.tobytes()
