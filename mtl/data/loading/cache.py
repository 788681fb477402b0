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
from mtl.data.loading.cache_columns import Columns, mapped
from mtl.data.preprocess.base import Preprocess
from mtl.data.sample import Sample, Target, TargetValue
from mtl.data.sources.base import Source
from mtl.data.sources.file_source import FileSource
from mtl.errors import BadFile, UserError

log = logging.getLogger(__name__)

_FORMAT = 3


class CachedSource(Source):
    """Samples as they are after preprocessing, read from a cache that ``open`` made.

    Args:
        source: what was cached; asked for ids alone.
        targets: what its samples can be labelled with.
        folder: of the cache's files.
    """

    def __init__(self, source: Source, targets: Mapping[str, Target], folder: Path) -> None:
        self.source = source
        self.targets = targets
        self.folder = folder

    @classmethod
    def open(
        cls, source: Source, targets: Mapping[str, Target], preprocess: Preprocess, folder: Path
    ) -> CachedSource:
        """Take the cache of a source, or build it where there is none or files have changed.

        It is written whole or not at all; of two processes that build at once, one wins.

        Args:
            source: a FileSource. Broken samples are remembered, and reading them raises again.
            targets: what its samples can be labelled with.
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
        what = _what(source, targets, preprocess)
        place = folder / f"{what}-{_state(source)}"
        if not place.is_dir():
            stale = list(folder.glob(f"{what}-*"))
            verb = "rebuilding the stale" if stale else "building the"
            log.info("%s cache of %d images in %s", verb, len(source), place)
            build(source, targets, preprocess, place)
            remove_abandoned(folder)
            for old in stale:
                remove(old)
        return cls(source, targets, place)

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
        return {"source": self.source, "targets": self.targets, "folder": self.folder}

    def _targets(self, index: int) -> dict[str, TargetValue]:
        if str(index) in self._broken:
            raise BadFile(*self._broken[str(index)])
        return self._columns[index]

    @cached_property
    def _broken(self) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads((self.folder / "broken.json").read_text()))

    @cached_property
    def _images(self) -> npt.NDArray[np.uint8]:
        return mapped(self.folder / "images.npy")

    @cached_property
    def _columns(self) -> Columns:
        return Columns(self.folder, self.targets)


def _what(source: FileSource, targets: Mapping[str, Target], preprocess: Preprocess) -> str:
    """A name for what the cache holds, whatever state the files are in."""
    ids = [source.id(index) for index in range(len(source))]
    kinds = {name: target.kind.name for name, target in sorted(targets.items())}
    return _digest([_FORMAT, source.key(), kinds, preprocess.key(), ids])


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
