"""Pictures of run folders, decoded and encoded anew: a page takes in no bytes of strangers."""

import base64
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

MOST_PIXELS = 40_000_000
"""Of a picture that is opened at all."""
MOST_BYTES = 1_200_000
"""Of all pictures of a page together."""
BYTES_PER_PIXEL = 0.3
"""Of drawings on photographs, more or less; where it is more, the picture gets smaller still."""
WIDTH = 1200
"""Pixels of one picture beside few others."""


@dataclass(frozen=True)
class EmbeddedPicture:
    """A picture as part of a page.

    Args:
        address: a data URI.
        width: pixels.
        height: pixels.
    """

    address: str
    width: int
    height: int


def embedded(path: Path, most_bytes: int) -> EmbeddedPicture | None:
    """A PNG file made small enough.

    Args:
        path: of the file.
        most_bytes: of what it becomes.

    Returns:
        None where it is absent, no PNG, broken, or enormous.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns of what it takes for a bomb; here it is refused.
            warnings.simplefilter("error")
            with Image.open(path, formats=["PNG"]) as opened:
                if opened.width * opened.height > MOST_PIXELS:
                    return None
                picture = opened.convert("RGB")
    except (OSError, SyntaxError, ValueError, Warning, Image.DecompressionBombError):
        return None
    likely = (most_bytes / BYTES_PER_PIXEL * picture.width / picture.height) ** 0.5
    width = max(1, min(picture.width, WIDTH, round(likely)))
    found = b""
    while not found or (len(found) > most_bytes and width > 100):
        width = width if not found else round(width * 0.95 * (most_bytes / len(found)) ** 0.5)
        height = max(1, round(picture.height * width / picture.width))
        found = _png(picture.resize((width, height), Image.Resampling.LANCZOS))
    address = f"data:image/png;base64,{base64.b64encode(found).decode()}"
    return EmbeddedPicture(address, width, height)


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    # 256 colours are a third of the bytes, and drawings need no more.
    colours = picture.quantize(256, Image.Quantize.FASTOCTREE)
    colours.save(buffer, "PNG")
    return buffer.getvalue()
