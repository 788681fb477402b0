"""What was read from a large file, kept for the next start and shared between processes."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
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
    stamp = f"{version} {stat.st_size} {stat.st_mtime_ns}"
    what = f"{version.split(maxsplit=1)[0]} {path.absolute()}"
    place = folder / hashlib.blake2b(os.fsencode(what), digest_size=16).hexdigest()
    try:
        if (place / _STAMP).read_text() == stamp:
            return MappedArrays(place)
    except OSError:
        pass
    log.info("reading %s for the first time", path)
    arrays = make()
    aside = folder / f".temporary-{secrets.token_hex(8)}"
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
