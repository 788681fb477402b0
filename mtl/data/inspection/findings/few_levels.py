"""Pictures of 16 bits that hold fewer, so that scaling down to 8 leaves little of them."""

from collections.abc import Iterator

import numpy as np

from mtl.data.image_format import WORDS
from mtl.data.inspection.looked import Looked
from mtl.data.inspection.statistics import evenly
from mtl.data.raw_image import read_raw
from mtl.data.sources.file_source import FileSource
from mtl.errors import BadFile

LOOKED_AT = 16
"""Training samples."""
FEW = 64
"""Levels of 256."""


def find(looked: Looked) -> Iterator[str]:
    """One line where the pictures that are looked at keep but a few levels."""
    source, images = looked.sources["train"], looked.data.images
    if images.span is not None or not isinstance(source, FileSource):
        return
    brightest = 0
    for row in evenly(len(source), LOOKED_AT):
        try:
            pixels = read_raw(source.files(row)[0], images.channels)
        except BadFile:
            continue
        if pixels.dtype != np.uint16:
            return
        brightest = max(brightest, int(pixels[..., :3].max(initial=0)))
    levels = round(brightest / WORDS) + 1
    if brightest and levels < FEW:
        bits = 2 ** brightest.bit_length() - 1
        remedy = looked.hint("pixel_range", f"data.pixel_range=[0,{bits}] keeps them all")
        yield (
            f"pictures have 16 bits and reach {brightest} of 65535: as 8 bits they keep {levels} "
            f"levels of 256{remedy}"
        )
