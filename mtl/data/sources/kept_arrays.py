"""What was read from a large file, kept for the next start and shared between processes."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl.data.loading.cache_columns import mapped

log = logging.getLogger(__name__)

Array = npt.NDArray[Any]
WORTH = 16 * 2**20
"""Bytes of a file from which on reading it again takes longer than a moment."""
_STAMP = "stamp.txt"
"""Of what file the arrays are, and in which state it was; its time of change is their last use."""
_TEMPORARY = ".temporary-"
_NAME = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class KeptFile:
    """What is kept of one file.

    Args:
        place: the folder.
        file: that was read.
        files: number of files in the folder.
        size: of these, bytes.
        used: when last, seconds since 1970.
    """

    place: Path
    file: str
    files: int
    size: int
    used: float


class MappedArrays(dict[str, Array]):
    """The .npy files of a folder, memory-mapped; another process opens them anew.

    Args:
        folder: of the files.

    Raises:
        OSError: it is gone.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__({path.stem: mapped(path) for path in folder.glob("*.npy")})
        self.folder = folder

    def __reduce__(self) -> tuple[type[MappedArrays], tuple[Path]]:
        return MappedArrays, (self.folder,)


def kept_arrays(
    path: Path, folder: Path, version: str, make: Callable[[], Mapping[str, Array]]
) -> Mapping[str, Array]:
    """The arrays that a file comes to: made anew where the file is small or has changed.

    Args:
        path: of the file.
        folder: where they are kept, a folder for each file.
        version: another one makes them anew; begins with the name of what they are.
        make: reads the file.

    Raises:
        BadFile: ``make`` can't read it.
    """
    try:
        stat = path.stat()
    except OSError:
        return make()
    if stat.st_size < WORTH:
        return make()
    stamp = f"{version} {stat.st_size} {stat.st_mtime_ns}\n{path.absolute()}"
    what = f"{version.split(maxsplit=1)[0]} {path.absolute()}"
    place = folder / hashlib.blake2b(os.fsencode(what), digest_size=16).hexdigest()
    try:
        if (place / _STAMP).read_text() == stamp:
            found = MappedArrays(place)
            os.utime(place / _STAMP)
            return found
    except OSError:
        pass
    log.info("reading %s for the first time", path)
    arrays = make()
    aside = folder / f"{_TEMPORARY}{secrets.token_hex(8)}"
    try:
        aside.mkdir(parents=True)
        for key, array in arrays.items():
            np.save(aside / f"{key}.npy", array, allow_pickle=False)
        (aside / _STAMP).write_text(stamp)
        shutil.rmtree(place, ignore_errors=True)
        aside.rename(place)
        return MappedArrays(place)
    except OSError as error:
        log.warning(
            "%s: can't keep what %s holds (%s); it is read at every start",
            folder,
            path,
            error.strerror or error,
        )
        return arrays
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def all_kept(folder: Path) -> list[KeptFile]:
    """What ``kept_arrays`` keeps in a folder, the last used first.

    Args:
        folder: need not be there.
    """
    found = []
    for place in folder.iterdir() if folder.is_dir() else ():
        # Another process may take it away meanwhile.
        with suppress(OSError):
            if _NAME.fullmatch(place.name):
                sizes = [file.stat().st_size for file in place.iterdir()]
                stamp = place / _STAMP
                file = stamp.read_text().partition("\n")[2]
                found.append(KeptFile(place, file, len(sizes), sum(sizes), stamp.stat().st_mtime))
    return sorted(found, key=lambda kept: -kept.used)


def forget_kept(folder: Path) -> int:
    """Delete it; who has it open reads on. The bytes that were freed."""
    found = all_kept(folder)
    for kept in found:
        shutil.rmtree(kept.place, ignore_errors=True)
    return sum(kept.size for kept in found)
