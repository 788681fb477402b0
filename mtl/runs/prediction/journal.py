"""What was decided, written down picture by picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from mtl.files import printable, whole_text

JsonLine = dict[str, Any]
"""What is said of a picture (``width`` is there), a video that has ended (``frames``), or a file
that could not be read (``skipped``); ``file`` names it."""


class Journal:
    """A file of JSON lines, to which one is added at a time.

    A line that can't be read, as of a process that was killed while it wrote, counts as not there.

    Args:
        path: of the file; it need not be there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None

    def entries(self) -> Iterator[JsonLine]:
        """All of them, in order."""
        for entry, _ in self.lines():
            yield entry

    def lines(self) -> Iterator[tuple[JsonLine, str]]:
        """All entries in order, as values and as they are written."""
        for line in self._lines():
            entry = _read(line)
            if entry is not None:
                yield entry, line.decode().rstrip("\n")

    def keep(self, wanted: Callable[[JsonLine], bool]) -> None:
        """Drop lines, unreadable ones too; the file stays as it is where there are none.

        Args:
            wanted: whether an entry stays.
        """

        def stays(line: bytes) -> bool:
            entry = _read(line)
            return entry is not None and wanted(entry)

        if all(stays(line) for line in self._lines()):
            return
        with whole_text(self.path) as file:
            file.writelines(line.decode() for line in self._lines() if stays(line))

    def append(self, entry: JsonLine) -> None:
        """Add an entry, at once to be seen by others."""
        if self._file is None:
            self._file = self.path.open("ab")
        self._file.write(f"{as_json(entry)}\n".encode())
        self._file.flush()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _lines(self) -> Iterator[bytes]:
        if self.path.exists():
            with self.path.open("rb") as file:
                yield from file


def as_json(value: Any) -> str:
    """On one line; what JSON has no word for as text, bytes that are not UTF-8 as a mark."""
    return printable(json.dumps(value, ensure_ascii=False, default=str))


def _read(line: bytes) -> JsonLine | None:
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    named = isinstance(entry, dict) and isinstance(entry.get("file"), str)
    return entry if named else None
