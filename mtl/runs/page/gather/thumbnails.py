"""Small pictures of single images."""

import base64
import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from mtl.runs.page.gather.pictures import EmbeddedPicture

SIDE = 160
"""Pixels of the longer side at most, shown somewhat smaller for dense screens."""
QUALITIES = (82, 60, 35, 10)
"""Of WebP, tried from the first on."""


def thumbnail(image: npt.NDArray[np.uint8], most_bytes: int) -> EmbeddedPicture:
    """An image as a small picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        most_bytes: of what it becomes, if the lowest quality gets there.
    """
    picture = Image.fromarray(image)
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    found = b""
    for quality in QUALITIES:
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", quality=quality, method=4)
        found = buffer.getvalue()
        if len(found) <= most_bytes:
            break
    address = f"data:image/webp;base64,{base64.b64encode(found).decode()}"
    return EmbeddedPicture(address, picture.width, picture.height)
