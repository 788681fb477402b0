"""How a picture has to be turned to stand upright, as its EXIF block says."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

UPRIGHT = 1
SIDEWAYS = (5, 6, 7, 8)


def orientation_of(header: Image.Image) -> int:
    """EXIF's number, 1 to 8; 1 where it says none, and of a TIFF, which its readers turn."""
    if "exif" not in header.info:
        return UPRIGHT
    with quiet():
        said = header.getexif().get(ExifTags.Base.Orientation)
    return said if isinstance(said, int) and 1 <= said <= 8 else UPRIGHT


def upright(pixels: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Pixels as they are stored, (H, W, ...), as they are to be seen.

    Args:
        pixels: not changed.
        orientation: see ``orientation_of``.
    """
    if orientation in SIDEWAYS:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


@contextmanager
def quiet() -> Iterator[None]:
    """Hide PIL's warnings of damaged EXIF blocks, which say nothing about the pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
