"""Decoded and preprocessed samples kept on disk, memory-mapped."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from mtl.data.loading.cache_build import build, remove, remove_abandoned
from mtl.data.loading.cache_columns import Columns
from mtl.data.preprocess.base import Preprocess
from mtl.data.sample import Sample, TargetValue
from mtl.data.sources.base import Source
from mtl.data.sources.file_source import FileSource
from mtl.errors import BadFile, UserError

log = logging.getLogger(__name__)

_FORMAT = 2


class CachedSource(Source):
    """Samples as they are after preprocessing, read from a cache that ``open`` made.

    Args:
        source: what was cached; asked for ids alone.
        folder: of the cache's files.
    """

    def __init__(self, source: Source, folder: Path) -> None:
        self.source = source
        self.folder = folder

    @classmethod
    def open(cls, source: Source, preprocess: Preprocess, folder: Path) -> CachedSource:
        """Take the cache of a source, or build it where there is none or files have changed.

        It is written whole or not at all; of two processes that build at once, one wins.

        Args:
            source: a FileSource. Broken samples are remembered, and reading them raises again.
            preprocess: the steps whose result is kept.
            folder: holds all caches.

        Raises:
            UserError: the source is no FileSource, or the cache can't be written.
        """
        if not isinstance(source, FileSource):
            raise UserError(
                f"data.cache=true needs samples that come from files, and {type(source).__name__} "
                "is no FileSource; set data.cache=false"
            )
        what = _what(source, preprocess)
        place = folder / f"{what}-{_state(source)}"
        if not place.is_dir():
            stale = list(folder.glob(f"{what}-*"))
            verb = "rebuilding the stale" if stale else "building the"
            log.info("%s cache of %d images in %s", verb, len(source), place)
            build(source, preprocess, place)
            remove_abandoned(folder)
            for old in stale:
                remove(old)
        return cls(source, place)

    def __len__(self) -> int:
        return len(self.source)

    def id(self, index: int) -> str:
        """The sample's id."""
        return self.source.id(index)

    def read(self, index: int, size: int | None = None) -> Sample:
        """The preprocessed sample at ``index``; ``size`` changes nothing.

        Raises:
            BadFile: its files could not be read when the cache was built.
        """
        targets = self._targets(index)
        return Sample(np.array(self._images[index]), self.id(index), targets)

    def annotations(self, index: int) -> Mapping[str, object]:
        """The targets in the pixels of the preprocessed image."""
        return self._targets(index)

    def __getstate__(self) -> dict[str, object]:
        """Only what it takes to open the files again: a memory map would be pickled as a copy."""
        return {"source": self.source, "folder": self.folder}

    def _targets(self, index: int) -> dict[str, TargetValue]:
        if str(index) in self._index["broken"]:
            raise BadFile(*self._index["broken"][str(index)])
        targets = self._columns[index]
        for name, (numbers, masks) in self._masks.items():
            if index in numbers:
                targets[name] = np.array(masks[numbers[index]])
        return targets

    @cached_property
    def _index(self) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads((self.folder / "index.json").read_text()))

    @cached_property
    def _images(self) -> npt.NDArray[np.uint8]:
        return _mapped(self.folder / "images.npy")

    @cached_property
    def _columns(self) -> Columns:
        return Columns(self.folder / "targets.npz")

    @cached_property
    def _masks(self) -> dict[str, tuple[dict[int, int], npt.NDArray[np.uint8]]]:
        return {
            name: (
                {row: number for number, row in enumerate(rows)},
                _mapped(self.folder / f"{name}.mask.npy"),
            )
            for name, rows in self._index["masks"].items()
        }


def _mapped(path: Path) -> npt.NDArray[np.uint8]:
    return cast("npt.NDArray[np.uint8]", np.load(path, mmap_mode="r", allow_pickle=False))


def _what(source: FileSource, preprocess: Preprocess) -> str:
    """A name for what the cache holds, whatever state the files are in."""
    ids = [source.id(index) for index in range(len(source))]
    return _digest([_FORMAT, source.key(), preprocess.key(), ids])


def _state(source: FileSource) -> str:
    """A name for the state that the source's files are in: their sizes and times of change."""
    files = [source.files(index) for index in range(len(source))]
    return _digest([[_stat(path) for path in paths] for paths in files])


def _stat(path: Path) -> list[int]:
    try:
        found = path.stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]
