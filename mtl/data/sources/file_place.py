"""Files that a table names, whether it writes their endings or not."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mtl.config.nearest import SURE, nearest
from mtl.data.image_file import GONE
from mtl.data.sources.folder_files import composed, counts, is_file
from mtl.errors import BadFile

FEW = 500
"""Names of which the most alike is looked for: comparing them takes some microseconds each."""


class FolderNames:
    """The names of a folder's files, in the order of what ``folded`` makes of them.

    They lie one behind the other in one piece of memory: of a million that is some 20 bytes each.

    Args:
        names: of its files.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._bytes = bytearray()
        self._ends = array("q", [0])
        for name in sorted(names, key=folded):
            self._bytes += name.encode("utf-8", "surrogateescape")
            self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, place: int) -> str:
        start, end = self._ends[place], self._ends[place + 1]
        return self._bytes[start:end].decode("utf-8", "surrogateescape")

    def place(self, name: str) -> int:
        """Where a name would stand."""
        return bisect_left(range(len(self)), folded(name), key=lambda place: folded(self[place]))

    def like(self, name: str) -> Iterator[str]:
        """Those that differ from ``name`` by case and by the form of accents at most."""
        key = folded(name)
        for place in range(self.place(name), len(self)):
            if folded(self[place]) != key:
                return
            yield self[place]

    def begin_with(self, name: str) -> bool:
        """Whether one does, so that a longer one may be meant."""
        place = self.place(name)
        return place < len(self) and folded(self[place]).startswith(folded(name))

    def nearest(self, name: str) -> str | None:
        """One much like ``name``; of many, of those that stand beside it."""
        place = self.place(name) if len(self) > FEW else 0
        near = range(max(0, place - FEW // 2), min(len(self), place + FEW))
        found = {folded(self[at]): self[at] for at in near}
        return next((found[key] for key in nearest(folded(name), found, alike=SURE)), None)


def folded(name: str) -> str:
    """A name by which files are found whose case and accents are written otherwise."""
    return composed(name).casefold()


@dataclass(frozen=True)
class FilePlace:
    """Where the files are that a column names.

    A folder is listed only when a name isn't a file as it is written, nor with one of ``usual``,
    and once.

    Args:
        folder: to which the names are relative.
        endings: that names may lack, in lower case.
        usual: those that they were seen to lack, as files have them.
    """

    folder: Path
    endings: tuple[str, ...]
    usual: Sequence[str] = ()
    _listed: dict[Path, FolderNames] = field(default_factory=dict, repr=False, compare=False)

    def plain(self, name: str, ending: str = "") -> Path:
        """The file of a cell as it is written, whether it is there or not."""
        return self.folder / (name.replace("\\", "/") + ending)

    def file(self, name: str) -> Path:
        """The file of a cell; the likeliest that it would be where there is none."""
        return self.found(name) or self.plain(name, self.lacking(name))

    def found(self, name: str) -> Path | None:
        """The file of a cell, if it is there and one only may be meant."""
        plain = self.plain(name)
        if is_file(plain):
            return plain
        if not self._ended(name):
            for ending in self.usual:
                if is_file(path := self.plain(name, ending)):
                    return path
        names = self._names(plain.parent)
        if not names.begin_with(plain.name):
            return None
        stem = composed(plain.stem if self._ended(name) else plain.name)
        for ending in ("", *self.endings):
            alike = list(names.like(plain.name + ending))
            own = [one for one in alike if composed(one).startswith(stem)]
            if len(own or alike) == 1:
                return plain.parent / (own or alike)[0]
        return None

    def told(self, error: BadFile) -> BadFile:
        """What is to be said of a file that can't be read: of one that isn't there, the nearest."""
        path = Path(error.path)
        if error.reason != GONE:
            return error
        near = self._names(path.parent).nearest(path.name)
        return error if near is None else BadFile(path, f"{GONE}; the nearest there is {near}")

    def lacking(self, name: str) -> str:
        """The ending that a cell is likely to lack, without a look at the disk."""
        return self.usual[0] if self.usual and not self._ended(name) else ""

    def _ended(self, name: str) -> bool:
        return name.lower().endswith(self.endings)

    def _names(self, folder: Path) -> FolderNames:
        if folder not in self._listed:
            self._listed[folder] = FolderNames(_files_in(folder))
        return self._listed[folder]


def _files_in(folder: Path) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            yield from (own.name for own in entries if counts(own.name) and own.is_file())
    except (OSError, ValueError):
        return
