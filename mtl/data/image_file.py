"""Image and mask files to arrays, whatever they are inside."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from mtl.data.orientation import SIDEWAYS, orientation_of, quiet, upright
from mtl.errors import BadFile

IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".gif",
    ".jp2", ".avif", ".ppm", ".pgm", ".pbm", ".pnm", ".tga",
)  # fmt: skip
"""What is read as an image, in lower case; upper case is as good."""
GONE = "does not exist"
"""What is said of a file that isn't there."""
MAX_MEGAPIXELS = 179.0
"""The largest image that is read unless something else is said; PIL's own limit."""
# Of damaged files it prints lines of its own, and of channels that it has no names for.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
_REDUCED = {
    8: cv2.IMREAD_REDUCED_COLOR_8,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    2: cv2.IMREAD_REDUCED_COLOR_2,
}
_OPENCV_PIXELS, _OPENCV_SIDE = 2**30, 2**20
"""The largest image that OpenCV decodes, as it is built."""
_TIFF = (b"II*\0", b"MM\0*")
_END_MARKS = {"JPEG": b"\xff\xd9", "MPO": b"\xff\xd9", "PNG": b"IEND"}


class UnknownImage(BadFile):
    """A file that PIL can't make out."""


def allow_megapixels(most: float) -> None:
    """Set the size from which on images are broken files, for this process.

    Args:
        most: millions of pixels. A small file may hold an image that fills the memory.
    """
    # PIL warns from this number on, and refuses from twice as many.
    Image.MAX_IMAGE_PIXELS = round(most * 1e6 / 2)


def read_image(
    path: Path | str, size: int | None = None
) -> tuple[npt.NDArray[np.uint8], tuple[int, int]]:
    """Decode an image file.

    Args:
        path: any format that OpenCV or PIL reads; 16-bit images are scaled to 8 bit, floats in
            0..1 to 0..255, alpha is dropped, an EXIF orientation is applied. Of several frames
            the first is taken.
        size: pixels; a JPEG is decoded at half, a quarter or an eighth of its size as long as both
            sides stay at or above this (libjpeg does that in the frequency domain, so it is
            both faster and free of aliasing). None decodes at full resolution.

    Returns:
        The image, (H, W, 3) uint8 RGB, and the (width, height) in pixels at full resolution.

    Raises:
        BadFile: the file is missing, empty, cut off, too large (see ``allow_megapixels``) or no
            image, or has 32-bit pixels whose range can't be known.
    """
    data = whole_file(path)
    with _opened(path, io.BytesIO(data)) as header:
        full = _upright_size(header)
        _refuse_cut(path, data, header)
        if header.mode in ("F", "I"):
            return _of_floats(path, header), full
        beyond = full[0] * full[1] > _OPENCV_PIXELS or max(full) > _OPENCV_SIDE
        if header.mode == "CMYK" or header.format == "GIF" or beyond:
            return _by_pil(path, header), full
        factor = _reduction(full, size) if header.format in ("JPEG", "MPO") else 1
        flag = _REDUCED.get(factor, cv2.IMREAD_COLOR_RGB)
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
        if image is None:
            return _by_pil(path, header), full
        if header.format == "AVIF":  # of which OpenCV leaves the orientation alone
            image = upright(image, orientation_of(header))
    if factor > 1:  # OpenCV has no flag for both
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return np.asarray(image, np.uint8), full


def read_mask(path: Path | str) -> npt.NDArray[np.uint8]:
    """Read a mask whose pixel values are class indices.

    Args:
        path: a palette or grayscale image of 8 bits or fewer, PNG as a rule.

    Returns:
        (H, W) uint8 indices.

    Raises:
        BadFile: as for ``read_image``, or the pixels are colours and not indices, or not exact.
    """
    with _opened(path, io.BytesIO(whole_file(path))) as mask:
        if mask.format in ("JPEG", "MPO"):
            raise BadFile(path, "is a JPEG, which changes the values of masks; a PNG keeps them")
        if mask.mode not in ("P", "L", "1"):
            raise BadFile(
                path,
                f"is a mask of mode {mask.mode}; a PNG of class indices (palette or 8-bit "
                "grayscale) is expected",
            )
        _load(path, mask)
        return np.array(mask, np.uint8)


def image_size(path: Path | str) -> tuple[int, int]:
    """The upright image's (width, height) in pixels, from the header alone.

    Raises:
        BadFile: the file is missing, empty or no image.
    """
    try:
        with Path(path).open("rb") as file, _opened(path, file) as header:
            return _upright_size(header)
    except (OSError, ValueError) as error:  # of a name with a null byte
        raise _unreadable(path, error) from None


def is_tiff(path: Path | str) -> bool:
    """Whether a file begins as a TIFF does.

    Raises:
        BadFile: it can't be read.
    """
    return whole_file(path)[:4] in _TIFF


def _reduction(full: tuple[int, int], size: int | None) -> int:
    if size is None:
        return 1
    return next((factor for factor in _REDUCED if min(full) // factor >= size), 1)


def refuse_broken(path: Path | str, data: bytes) -> int:
    """See that an image can be decoded as a whole.

    Args:
        path: for messages.
        data: what is in the file.

    Returns:
        Its orientation, see ``orientation_of``.

    Raises:
        BadFile: it is empty, cut off, too large or, as UnknownImage, nothing that PIL knows.
    """
    with _opened(path, io.BytesIO(data)) as header:
        _refuse_cut(path, data, header)
        return orientation_of(header)


def _refuse_cut(path: Path | str, data: bytes, header: Image.Image) -> None:
    marks = _END_MARKS.get(header.format or "")
    # OpenCV would paint the missing part grey, and some writers pad files: PIL tells these apart,
    # but takes several times as long.
    if marks is not None and marks not in data[-64:]:
        _load(path, header)


def whole_file(path: Path | str) -> bytes:
    """What is in a file.

    Raises:
        BadFile: it can't be read.
    """
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # of a name with a null byte
        raise _unreadable(path, error) from None


def _unreadable(path: Path | str, error: OSError | ValueError) -> BadFile:
    if isinstance(error, FileNotFoundError):
        return BadFile(path, GONE)
    reason = error.strerror if isinstance(error, OSError) else None
    return BadFile(path, f"can't be read ({reason or error})")


def _opened(path: Path | str, file: BinaryIO) -> Image.Image:
    """PIL's image with its header read and no pixel decoded."""
    try:
        with quiet():
            return Image.open(file)
    except UnidentifiedImageError:
        file.seek(0)
        raise UnknownImage(path, _unknown(file.read(4))) from None
    except Image.DecompressionBombError as error:
        raise _too_large(path, error) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise BadFile(path, f"is a broken image ({error})") from None


def _too_large(path: Path | str, error: Image.DecompressionBombError) -> BadFile:
    pixels = re.search(r"\((\d+) pixels\)", str(error))
    size = f"has {int(pixels[1]) / 1e6:.4g} megapixels" if pixels else "is larger"
    most = 2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6
    return BadFile(path, f"{size}, and data.max_megapixels={most:g} allows no more")


def _unknown(first: bytes) -> str:
    """What is wrong with a file that begins with these bytes and that PIL can't make out."""
    if first in _TIFF:
        return "is a TIFF of colours with 32 bits or more; convert it to 8 or 16 bits"
    return "is not an image" if first else "is empty"


def _load(path: Path | str, image: Image.Image) -> None:
    try:
        with quiet():
            image.load()
    except Image.DecompressionBombError as error:
        raise _too_large(path, error) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise BadFile(path, f"is a broken image ({error})") from None


def _by_pil(path: Path | str, image: Image.Image) -> npt.NDArray[np.uint8]:
    _load(path, image)
    return np.array(ImageOps.exif_transpose(image).convert("RGB"))


def _of_floats(path: Path | str, image: Image.Image) -> npt.NDArray[np.uint8]:
    """One channel of 32 bits; only floats in 0..1 have a meaning that everyone agrees on."""
    _load(path, image)
    values = np.array(ImageOps.exif_transpose(image))
    low, high = float(values.min()), float(values.max())
    if image.mode == "I" and low >= 0 and 255 < high <= 65535:
        # PIL's older way of holding 16 bits.
        grey = values / 257
    elif image.mode == "F" and low >= 0 and high <= 1:
        grey = values * 255
    else:
        kind = "32-bit float" if image.mode == "F" else "32-bit integer"
        raise BadFile(
            path,
            f"has {kind} pixels from {low:g} to {high:g}, and only floats in 0 to 1 are "
            "understood; convert it to 8 or 16 bits",
        )
    return np.repeat(np.round(grey).astype(np.uint8)[..., None], 3, axis=-1)


def _upright_size(header: Image.Image) -> tuple[int, int]:
    width, height = header.size
    return (height, width) if orientation_of(header) in SIDEWAYS else (width, height)
