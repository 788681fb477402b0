"""Objects of which the network sees next to nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mtl.data.image_file import image_size
from mtl.data.inspection.looked import Looked, tells_cheaply
from mtl.data.inspection.statistics import evenly
from mtl.data.sources.base import ArraySource, Source
from mtl.data.sources.file_source import FileSource
from mtl.errors import BadFile
from mtl.words import agreeing, counted

LEAST = 2.0
"""Pixels of the network's picture that the shorter side should have."""
MOST_OPENED = 500


def find(looked: Looked) -> Iterator[str]:
    """One line for each target with boxes under 2 pixels at ``image_size``."""
    source, preprocess = looked.sources["train"], looked.data.preprocess
    kinds = {name: target.kind for name, target in looked.targets.items() if target.kind.objects}
    if not kinds or not tells_cheaply(source):
        return
    tiny, total = dict.fromkeys(kinds, 0), dict.fromkeys(kinds, 0)
    for row in evenly(len(source), MOST_OPENED):
        try:
            size = _size(source, row)
            found = source.annotations(row)
        except BadFile:
            continue
        if size is None:
            return
        frame = preprocess.frame(size[1], size[0])
        for name, kind in kinds.items():
            if name in found:
                sides = kind.extents(found[name])
                shorter = (sides * np.array([frame.scale_x, frame.scale_y])).min(1)
                tiny[name] += int((shorter < LEAST).sum())
                total[name] += len(sides)
    for name in kinds:
        if tiny[name]:
            yield (
                f"{name}: {tiny[name]} of {counted(total[name], 'train object')} "
                f"{agreeing(tiny[name], 'is', 'are')} under {LEAST:g} pixels "
                f"at image_size={preprocess.image_size}; a larger image_size shows them"
            )


def _size(source: Source, row: int) -> tuple[int, int] | None:
    """An image's (width, height); None where only decoding tells."""
    if isinstance(source, ArraySource):
        return source.images.shape[2], source.images.shape[1]
    return image_size(source.files(row)[0]) if isinstance(source, FileSource) else None
