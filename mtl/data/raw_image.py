"""Image files to the numbers that are in them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mtl.data.array_file import why_no_array
from mtl.data.image_file import UnknownImage, refuse_broken, whole_file
from mtl.data.orientation import UPRIGHT, upright
from mtl.errors import BadFile

ARRAY_SUFFIX = ".npy"
TIFF = (b"II*\0", b"MM\0*")


def read_raw(path: Path | str, channels: int) -> npt.NDArray[Any]:
    """Decode a file, with all its channels and bits.

    Args:
        path: an image that OpenCV reads, of up to 4 channels, or an .npy file of any number.
        channels: that are expected, to tell (C, H, W) from (H, W, C) in an .npy file.

    Returns:
        (H, W, C) of the file's own type, colours in the order red, green, blue, alpha; upright.

    Raises:
        BadFile: it is missing, broken or no such image.
    """
    data = whole_file(path)
    if is_array(path):
        return _of_array_file(path, data, channels)
    orientation = UPRIGHT
    try:
        orientation = refuse_broken(path, data)
    except UnknownImage:
        # PIL knows no floats in several channels.
        if data[:4] not in TIFF:
            raise
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        image = None
    if image is None:
        raise BadFile(path, "can't be read with all its channels; an .npy file could")
    image = upright(image, orientation)
    if image.ndim == 2:
        return image[..., None]
    order = [2, 1, 0, 3][: image.shape[2]]
    return np.ascontiguousarray(image[..., order])


def is_array(path: Path | str) -> bool:
    """Whether a file is read as an array, by its name."""
    return Path(path).suffix.lower() == ARRAY_SUFFIX


def _of_array_file(path: Path | str, data: bytes, channels: int) -> npt.NDArray[Any]:
    try:
        values = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise BadFile(path, f"is a broken array ({why_no_array(error)})") from None
    if values.ndim == 2:
        return np.asarray(values[..., None])
    if values.ndim != 3 or values.dtype.kind not in "iuf":
        raise BadFile(path, f"is {values.shape} {values.dtype}, and no (H, W, C) of numbers")
    first = values.shape[0] == channels != values.shape[2]
    return np.asarray(np.moveaxis(values, 0, -1) if first else values)
