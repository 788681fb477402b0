"""Decoded and preprocessed samples kept on disk, memory-mapped."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from mtl.data.array_file import why_no_array
from mtl.data.loading.cache_build import IMAGES, write_shard
from mtl.data.loading.cache_key import sample_key, work_key
from mtl.data.loading.cache_merge import merge_small
from mtl.data.loading.cache_shard import OpenShard
from mtl.data.loading.cache_store import Store
from mtl.data.preprocess.base import Preprocess
from mtl.data.preprocess.picture import picture
from mtl.data.sample import Sample, Target
from mtl.data.sources.base import Source
from mtl.data.sources.file_source import FileSource
from mtl.errors import UserError
from mtl.words import counted

log = logging.getLogger(__name__)

PER_SHARD = 2048
"""Samples that are written, and taken away, together."""
GIGABYTE = 1e9
TRIES = 3
"""Until shards that other processes merge meanwhile are found where they are."""


class CachedSource(Source):
    """Samples as they are after preprocessing, from a cache as far as that holds them.

    Entries belong to samples and not to splits: whatever choice of the same files comes next finds
    them. What was not kept, for want of room, is read and preprocessed.

    Args:
        source: what is cached.
        targets: what its samples can be labelled with.
        preprocess: the steps whose result is kept.
        shards: folders of the cache.
        places: (N, 2) int32: which shard each sample is in, -1 for none, and in which row.
    """

    def __init__(
        self,
        source: FileSource,
        targets: Mapping[str, Target],
        preprocess: Preprocess,
        shards: Sequence[Path],
        places: npt.NDArray[np.int32],
    ) -> None:
        self.source = source
        self.targets = targets
        self.preprocess = preprocess
        self.shards = list(shards)
        self.places = places
        self._open: dict[int, OpenShard | None] = {}

    @classmethod
    def open(
        cls,
        source: Source,
        targets: Mapping[str, Target],
        preprocess: Preprocess,
        folder: Path,
        size: float = float("inf"),
    ) -> CachedSource:
        """Find a source's samples in the cache, and add those that are missing or have changed.

        Samples are written whole or not at all. Of two processes that want the same, one waits for
        the other.

        Args:
            source: a FileSource. Broken samples are remembered, and reading them raises again.
            targets: what its samples can be labelled with.
            preprocess: the steps whose result is kept.
            folder: holds all caches.
            size: of all caches in it together, gigabytes; those used least recently make room.

        Raises:
            UserError: the source is no FileSource, the preprocessing can't be told from others, or
                the cache can't be written.
        """
        if not isinstance(source, FileSource):
            raise UserError(
                f"data.cache=true needs samples that come from files, and {type(source).__name__} "
                "is no FileSource; set data.cache=false"
            )
        store, work = Store(folder), work_key(source, targets, preprocess)
        keys = [sample_key(source, index) for index in range(len(source))]
        try:
            merge_small(store, work, targets, preprocess.image_size, PER_SHARD)
            if not store.entries(work).keys() >= set(keys):
                with store.alone(work):
                    _add(store, work, source, keys, targets, preprocess, size * GIGABYTE)
        except OSError as error:
            raise UserError(
                f"the cache can't be written to {folder} ({error.strerror or error}); "
                "set data.cache_dir= or data.cache=false"
            ) from None
        found = _settled(store, work, keys)
        used = list(dict.fromkeys(path for path, _ in found.values()))
        number = {path: place for place, path in enumerate(used)}
        places = [
            (number[found[key][0]], found[key][1]) if key in found else (-1, 0) for key in keys
        ]
        return cls(source, targets, preprocess, used, np.array(places, np.int32).reshape(-1, 2))

    def __len__(self) -> int:
        return len(self.source)

    def id(self, index: int) -> str:
        """The sample's id."""
        return self.source.id(index)

    def read(self, index: int, size: int | None = None) -> Sample:
        """The preprocessed sample at ``index``; ``size`` changes nothing.

        Raises:
            BadFile: its files can't be read, or could not when they were cached.
        """
        shard, row = self._find(index)
        if shard is None:
            return picture(self.source, index, self.preprocess, self.targets)[0]
        targets = shard.targets(row)
        return Sample(np.array(shard.images[row]), self.id(index), targets)

    def annotations(self, index: int) -> Mapping[str, object]:
        """The targets in the pixels of the preprocessed image."""
        shard, row = self._find(index)
        return self.read(index).targets if shard is None else shard.targets(row)

    def __getstate__(self) -> dict[str, object]:
        """Only what it takes to open the files again: a memory map would be pickled as a copy."""
        return {**vars(self), "_open": {}}

    def _find(self, index: int) -> tuple[OpenShard | None, int]:
        number, row = self.places[index].tolist()
        if number not in self._open:
            self._open[number] = _opened(self.shards[number], self.targets) if number >= 0 else None
        return self._open[number], row


def _settled(store: Store, work: str, keys: Sequence[bytes]) -> dict[bytes, tuple[Path, int]]:
    """Where the samples lie that are cached, in shards that this process uses from now on."""
    found: dict[bytes, tuple[Path, int]] = {}
    for _ in range(TRIES):
        there = store.entries(work)
        found = {key: there[key] for key in keys if key in there}
        if store.use({path for path, _ in found.values()}):
            break
    return found


def _opened(folder: Path, targets: Mapping[str, Target]) -> OpenShard | None:
    """None where another process has made room at this shard's expense, or it is damaged."""
    try:
        return OpenShard(folder, targets)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        log.warning(
            "%s can't be read (%s); its samples are read from their files; mtl cache clear=true "
            "makes room for a new one",
            folder,
            why_no_array(error),
        )
        return None


def _add(
    store: Store,
    work: str,
    source: FileSource,
    keys: Sequence[bytes],
    targets: Mapping[str, Target],
    preprocess: Preprocess,
    budget: float,
) -> None:
    """Cache the samples that are missing, as far as there is room."""
    found = store.entries(work)
    there = {path for key in keys if (path := found.get(key, (None, 0))[0]) is not None}
    store.use(there)
    store.remove_abandoned()
    missing = list({key: i for i, key in enumerate(keys) if key not in found}.values())
    if missing:
        images = counted(len(keys), "image")
        log.info("caching %d of %s in %s", len(missing), images, store.root)
    # An image and a mask; later what a shard's images and all else in it turn out to take.
    each, beside = float(preprocess.image_size**2 * 4), 0
    for start in range(0, len(missing), PER_SHARD):
        some = missing[start : start + PER_SHARD]
        room = store.make_room(math.ceil(len(some) * each) + beside, budget) - beside
        fitting = some[: int(min(max(0, room / each), len(some)))]
        if fitting:
            with store.new(work) as folder:
                write_shard(folder, source, fitting, targets, preprocess)
                sizes = {file.name: file.stat().st_size for file in folder.iterdir()}
                each = sizes.pop(IMAGES) / len(fitting)
                beside = sum(sizes.values())
        if len(fitting) < len(some):
            held = len(keys) - len(missing) + start + len(fitting)
            log.warning(
                "data.cache_size=%g is full with %d of %s; the others are read from files",
                budget / GIGABYTE,
                held,
                counted(len(keys), "image"),
            )
            return
