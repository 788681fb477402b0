"""What the images of a data set are: how many channels, of which values."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mtl.data.image_file import IMAGE_SUFFIXES, UnknownImage, image_size, read_image
from mtl.data.raw_image import ARRAY_SUFFIX, is_array, read_raw
from mtl.errors import BadFile, UserError

Pixels = npt.NDArray[Any]
"""(H, W, C) uint8, or float32 in 0..255."""
Size = tuple[int, int]
"""Width and height."""
PICTURE_SUFFIXES = (*IMAGE_SUFFIXES, ARRAY_SUFFIX)
"""What is read as a picture, in lower case; upper case is as good."""
BRIGHTNESS = (0.299, 0.587, 0.114)
"""Of red, green and blue (ITU-R BT.601)."""
FULL = 255.0
WORDS = 257.0
"""That 16 bits are divided by where 8 are kept."""


@dataclass(frozen=True)
class ImageFormat:
    """How image files become pixels.

    Args:
        channels: how many the network gets. A single one is made of colours by their brightness;
            colours are made of a single one by repeating it, and of more by leaving alpha out.
        span: the values that become 0 and 255; what is between them is kept as float32, what is
            beyond is cut off. None keeps 8 bits.

    Raises:
        UserError: the span is empty.
    """

    channels: int = 3
    span: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.span is not None and not self.span[0] < self.span[1]:
            raise UserError(
                f"data.pixel_range={list(self.span)}: the first has to be below the second"
            )

    @property
    def usual(self) -> bool:
        """Whether pixels are 8 bits of red, green and blue."""
        return self == USUAL

    @property
    def in_words(self) -> str:
        """For people."""
        values = "8 bits" if self.span is None else "values {:g} to {:g}".format(*self.span)
        return f"{self.channels} channel{'s' * (self.channels > 1)} of {values}"

    def key(self) -> str:
        """A text that differs whenever the pixels would differ; empty for the usual ones."""
        return "" if self.usual else f" {self.channels} {self.span}"

    def read(self, path: Path | str, size: int | None = None) -> tuple[Pixels, Size]:
        """Decode a file.

        Args:
            path: an image, or an .npy file of (H, W), (H, W, C) or (C, H, W).
            size: see ``read_image``.

        Returns:
            The pixels, and the (width, height) at full resolution.

        Raises:
            BadFile: it can't be read, has other channels, or values that need ``data.pixel_range``.
        """
        kept = _KEPT.get()
        if kept is None:
            return self._decoded(path, size)
        key = (self, os.path.realpath(path), size)
        if key not in kept:
            kept[key] = self._decoded(path, size)
        return kept[key]

    def _decoded(self, path: Path | str, size: int | None) -> tuple[Pixels, Size]:
        if self._in_bytes(path):
            values, full = read_image(path, size)
        else:
            values = read_raw(path, self.channels)
            full = (values.shape[1], values.shape[0])
        return self.of_array(path, values), full

    def raw(self, path: Path | str) -> Pixels:
        """What is in a file, as ``of_array`` takes it.

        Raises:
            BadFile: it can't be read.
        """
        return read_image(path)[0] if self._in_bytes(path) else read_raw(path, self.channels)

    def _in_bytes(self, path: Path | str) -> bool:
        few = self.span is None and self.channels in (1, 3)
        return few and not is_array(path)

    def size(self, path: Path | str) -> tuple[int, int]:
        """A file's (width, height), of its header where that tells.

        Raises:
            BadFile: see ``read``.
        """
        if not is_array(path):
            with suppress(UnknownImage):
                return image_size(path)
        height, width = read_raw(path, self.channels).shape[:2]
        return width, height

    def of_array(self, name: Path | str, values: Pixels) -> Pixels:
        """Raw values as pixels.

        Args:
            name: of the file, for messages.
            values: (H, W, C'), colours in the order red, green, blue.

        Raises:
            BadFile: see ``read``.
        """
        return self._in_span(name, self._in_channels(name, values))

    def _in_channels(self, name: Path | str, values: Pixels) -> Pixels:
        there = values.shape[2]
        if there == self.channels:
            return values
        if self.channels == 1 and there in (3, 4):
            return _grey(values)
        if self.channels == 3 and there in (1, 4):
            return np.repeat(values, 3, axis=2) if there == 1 else values[..., :3]
        raise BadFile(name, f"has {there} channels, and data.channels={self.channels}")

    def _in_span(self, name: Path | str, values: Pixels) -> Pixels:
        if self.span is not None:
            low, high = self.span
            shares = (values.astype(np.float32) - low) / (high - low)
            pixels: Pixels = np.nan_to_num(shares).clip(0, 1).astype(np.float32)
            pixels *= np.float32(FULL)
            return pixels
        if values.dtype == np.uint8:
            return values
        if values.dtype == np.uint16:
            return np.round(values / WORDS).astype(np.uint8)
        raise BadFile(
            name,
            f"has pixels of type {values.dtype} from {values.min():g} to {values.max():g}; "
            "data.pixel_range=[LOW,HIGH] says which become black and white",
        )


USUAL = ImageFormat()
_KEPT: ContextVar[dict[tuple[ImageFormat, str, int | None], tuple[Pixels, Size]] | None] = (
    ContextVar("pictures that are decoded already", default=None)
)


@contextmanager
def decoded_once() -> Iterator[None]:
    """Within, a file that is read several times is decoded once, and its pixels are shared."""
    token = _KEPT.set({})
    try:
        yield
    finally:
        _KEPT.reset(token)


def format_of(data: Mapping[str, Any]) -> ImageFormat:
    """The images of a data node; those of a set that doesn't say are as usual.

    Args:
        data: the node; that of ``mixed`` has ``sets``.

    Raises:
        UserError: sets that go through one network have different ones.
    """
    sets = data.get("sets")
    if not sets:
        span = data.get("pixel_range")
        return ImageFormat(data.get("channels", 3), None if span is None else (span[0], span[1]))
    found = {str(name): format_of(node) for name, node in sets.items()}
    (first, images), *others = found.items()
    for name, its in others:
        if its != images:
            raise UserError(
                f"data.sets: one network takes images of one kind, and those of {first} have "
                f"{images.in_words}, those of {name} {its.in_words}"
            )
    return images


def _grey(colours: Pixels) -> Pixels:
    if colours.dtype == np.uint8:
        return np.asarray(cv2.cvtColor(colours[..., :3], cv2.COLOR_RGB2GRAY), np.uint8)[..., None]
    grey: Pixels = colours[..., :3].astype(np.float64) @ np.array(BRIGHTNESS)
    grey = np.round(grey) if colours.dtype.kind in "iu" else grey
    return grey.astype(colours.dtype)[..., None]
