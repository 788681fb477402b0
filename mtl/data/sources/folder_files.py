"""Which files of a folder count, and how folders name the splits."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from mtl.data.sources.base import Split

_SYNONYMS: dict[Split, tuple[str, ...]] = {
    "train": ("train", "training", "trainset", "trainingset"),
    "val": ("val", "valid", "validation", "dev", "valset", "validset", "validationset", "devset"),
    "test": ("test", "testing", "testset", "testingset"),
}
_SPLIT_OF = {name: split for split, names in _SYNONYMS.items() for name in names}
_JUNK = frozenset(
    {"__macosx", "@eadir", "$recycle.bin", "system volume information", "thumbs.db", "desktop.ini"}
)
"""What archivers, network drives and file managers leave behind, in lower case."""


def split_of(name: str) -> Split | None:
    """The split that a folder's or a list's name means (``valid``, ``Test``, ``training_set``)."""
    return _SPLIT_OF.get(re.sub(r"[ _-]", "", name.lower()))


def counts(name: str) -> bool:
    """Whether a file or folder of this name is one of the user's own, not hidden and no litter."""
    return not name.startswith(".") and name.lower() not in _JUNK


def folders_in(folder: Path) -> list[Path]:
    """The folders directly inside one that count, links to folders too, sorted."""
    return sorted(path for path in folder.iterdir() if counts(path.name) and path.is_dir())


def files_below(folder: Path) -> list[Path]:
    """All files that count in a folder and in those inside it, links followed, sorted."""
    return sorted(walk(folder))


def walk(folder: Path, above: tuple[str, ...] = ()) -> Iterator[Path]:
    """``files_below`` one by one, in no order.

    Args:
        folder: to look into.
        above: real paths of the folders on the way to it.
    """
    # A link to a folder further up would go round for ever.
    real = os.path.realpath(folder)
    if real in above:
        return
    for path in folder.iterdir():
        if not counts(path.name):
            continue
        if path.is_dir():
            yield from walk(path, (*above, real))
        else:
            yield path


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder; of a name that no file can have there is none."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """Whether there is such a file; see ``is_there``."""
    return is_there(path) and path.is_file()


def composed(name: str) -> str:
    """A name with its accents as single characters (NFC): macOS writes them as two (NFD)."""
    return unicodedata.normalize("NFC", name)
