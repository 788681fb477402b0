"""Finding image files that are cut off without decoding them all."""

import os
import zlib
from pathlib import Path

from mtl.data.image_format import PICTURE_SUFFIXES
from mtl.data.sources.base import Source
from mtl.data.sources.file_source import FileSource
from mtl.data.sources.limited import Limited

MARKS = dict.fromkeys((".jpg", ".jpeg", ".jfif"), (b"\xff\xd8", b"\xff\xd9"))
"""Ending to what such files begin and end with."""
TAIL = 64
"""Bytes at the end of a file that the mark is looked for in."""
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def looks_whole(path: Path) -> bool:
    """Whether a file is as its format must be; False where that can't be told so cheaply.

    A PNG is read, since each of its parts has a checksum; a JPEG has none.
    """
    suffix = path.suffix.lower()
    if not path.is_file():
        return False
    if suffix == ".png":
        return _whole_png(path.read_bytes())
    if suffix not in MARKS:
        return False
    first, last = MARKS[suffix]
    with path.open("rb") as file:
        if file.read(len(first)) != first:
            return False
        file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
        return last in file.read()


def _whole_png(data: bytes) -> bool:
    if not data.startswith(SIGNATURE):
        return False
    start = len(SIGNATURE)
    while start + 12 <= len(data):
        length = int.from_bytes(data[start : start + 4])
        end = start + 8 + length
        name = data[start + 4 : start + 8]
        if zlib.crc32(data[start + 4 : end]) != int.from_bytes(data[end : end + 4]):
            return False
        if name == b"IEND":
            return True
        start = end + 4
    return False


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
