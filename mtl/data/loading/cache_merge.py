"""Many small shards made into a few: each process that adds some samples leaves one of its own."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mtl.data.loading.cache_build import Entry, write_entries
from mtl.data.loading.cache_locks import taken
from mtl.data.loading.cache_shard import OpenShard
from mtl.data.loading.cache_store import ABOUT, Shard, Store, keys_in
from mtl.data.sample import Target
from mtl.errors import BadFile

log = logging.getLogger(__name__)

SCATTERED = 8
"""Small shards of one kind of work from which on they are merged."""
Place = tuple[Path, int]


def merge_small(
    store: Store, work: str, targets: Mapping[str, Target], side: int, most: int
) -> None:
    """Merge shards that are at most half full, where there are many.

    What a process reads is left alone, and what is merged is there before its parts are gone, so
    that nobody misses a sample.

    Args:
        store: of the cache.
        work: what was made of files.
        targets: what its samples can be labelled with.
        side: of its images, pixels.
        most: samples in a full shard.
    """
    # Where nothing can be written it stays as it is, and so does what can't be read.
    with suppress(OSError, ValueError, KeyError):
        if len(_small(store, work, most)) < SCATTERED:
            return
        with store.alone(work):
            small = [s for s in _small(store, work, most) if s.path not in store.in_use]
            with taken([shard.path for shard in small]) as unread:
                _merge(store, work, [s for s in small if s.path in unread], targets, side, most)


def _merge(
    store: Store,
    work: str,
    shards: Sequence[Shard],
    targets: Mapping[str, Target],
    side: int,
    most: int,
) -> None:
    for group in _groups(shards, most):
        log.info("merging %d small shards in %s", len(group), store.root)
        with store.new(work) as folder:
            _write(folder, group, targets, side)
        for shard in group:
            store.remove(shard.path)


def _small(store: Store, work: str, most: int) -> list[Shard]:
    return [shard for shard in store.of(work) if 2 * int(shard.about["samples"]) <= most]


def _groups(shards: Sequence[Shard], most: int) -> list[list[Shard]]:
    """Two or more each, as many as fill a shard."""
    groups: list[list[Shard]] = [[]]
    room = most
    for shard in shards:
        samples = int(shard.about["samples"])
        if samples > room:
            groups.append([])
            room = most
        groups[-1].append(shard)
        room -= samples
    return [group for group in groups if len(group) > 1]


def _write(folder: Path, group: Sequence[Shard], targets: Mapping[str, Target], side: int) -> None:
    places: dict[bytes, Place] = {}
    for shard in group:
        for row, key in enumerate(keys_in(shard.path)):
            places.setdefault(key, (shard.path, row))
    about: dict[str, Any] = {
        "folder": os.path.commonpath([shard.about["folder"] for shard in group]),
        "preprocess": group[0].about["preprocess"],
    }
    write_entries(folder, list(places), _entries(places.values(), targets), targets, side, about)
    used = max(shard.used for shard in group)
    os.utime(folder / ABOUT, (used, used))


def _entries(places: Iterable[Place], targets: Mapping[str, Target]) -> Iterator[Entry]:
    path, shard = Path(), None
    for wanted, row in places:
        if shard is None or wanted != path:
            path, shard = wanted, OpenShard(wanted, targets)
        try:
            values = shard.targets(row)
        except BadFile as error:
            yield error
        else:
            yield shard.images[row], values
