"""Finding image files that are cut off without decoding them all."""

import os
from pathlib import Path

from mtl.data.image_format import PICTURE_SUFFIXES
from mtl.data.sources.base import Source
from mtl.data.sources.file_source import FileSource
from mtl.data.sources.limited import Limited

END_MARKS = {".jpg": b"\xff\xd9", ".jpeg": b"\xff\xd9", ".jfif": b"\xff\xd9", ".png": b"IEND"}
TAIL = 64
"""Bytes at the end of a file that the mark is looked for in."""


def looks_whole(path: Path) -> bool:
    """Whether a file ends as its format must; False where that can't be told so cheaply."""
    mark = END_MARKS.get(path.suffix.lower())
    if mark is None or not path.is_file():
        return False
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
        return mark in file.read()


def read_if_doubtful(source: Source, index: int) -> None:
    """Read a sample in full where one of its image files does not end as it must.

    Raises:
        BadFile: the sample can't be read.
    """
    while isinstance(source, Limited):
        index = source.rows[index]
        source = source.source
    if not isinstance(source, FileSource):
        return
    first, *others = source.files(index)
    images = [first, *(f for f in others if f.suffix.lower() in PICTURE_SUFFIXES and f.exists())]
    if not all(looks_whole(path) for path in images):
        source.read(index)
