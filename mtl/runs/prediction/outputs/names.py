"""Where predictions are written, each file whole or not at all."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mtl.files import printable, write_whole

JPEG_SUFFIXES = (".jpg", ".jpeg")


class Names:
    """File names that don't get in each other's way, upper and lower case alike.

    Args:
        tasks: whose arrays may lie beside the pictures as ``<stem>_<task>``.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        self._endings = ("", *(f"_{task}" for task in tasks))
        self._taken: set[str] = set()

    def stem(self, image: Path) -> str:
        """A stem for an image's files: its own, numbered from 2 where that is taken.

        Bytes that are not UTF-8 are replaced, since predictions.json could not name such files.
        """
        own = printable(image.stem)
        number, stem = 1, own
        while self._taken & (names := self._all(stem)):
            number += 1
            stem = f"{own}_{number}"
        self._taken |= names
        return stem

    def _all(self, stem: str) -> set[str]:
        return {f"{stem}{ending}".lower() for ending in self._endings}


def write_picture(path: Path, picture: npt.NDArray[np.uint8]) -> None:
    """Write an (H, W, 3) uint8 RGB image; JPEG or PNG, as the name says."""
    if path.suffix in JPEG_SUFFIXES:
        _write_image(path, Image.fromarray(picture), "JPEG", quality=92)
    else:
        _write_image(path, Image.fromarray(picture), "PNG", compress_level=3)


def _write_image(path: Path, image: Image.Image, kind: str, **options: Any) -> None:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    write_whole(path, buffer.getvalue())
