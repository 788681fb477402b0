"""Writing entries of the cache."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from mtl.data.loading.cache_columns import ColumnWriter, NpyStack, save_index
from mtl.data.loading.cache_key import sample_key
from mtl.data.loading.cache_store import ABOUT, KEYS
from mtl.data.preprocess.base import Preprocess
from mtl.data.preprocess.picture import picture
from mtl.data.sample import Target, TargetValue
from mtl.data.sources.file_source import FileSource
from mtl.errors import BadFile

IMAGES = "images.npy"
BROKEN = "broken.json"
Entry = tuple[npt.NDArray[Any], Mapping[str, TargetValue]] | BadFile
"""A sample's image (S, S, C) and targets, or why it can't be read."""


def write_shard(
    folder: Path,
    source: FileSource,
    indices: Sequence[int],
    targets: Mapping[str, Target],
    preprocess: Preprocess,
) -> None:
    """Fill a shard's folder with preprocessed samples.

    Args:
        folder: empty.
        source: of the samples.
        indices: which of them.
        targets: what they can be labelled with.
        preprocess: the steps whose result is kept.

    Raises:
        OSError: the disk is full or can't be written to.
    """
    # Before they are read: what changes meanwhile is another sample the next time.
    keys = [sample_key(source, index) for index in indices]
    firsts = [str(source.files(index)[0].parent.absolute()) for index in indices]
    about = {"folder": os.path.commonpath(firsts), "preprocess": preprocess.described}
    entries = _entries(source, indices, targets, preprocess)
    write_entries(folder, keys, entries, targets, preprocess.image_size, about)


def write_entries(
    folder: Path,
    keys: Sequence[bytes],
    entries: Iterable[Entry],
    targets: Mapping[str, Target],
    side: int,
    about: Mapping[str, Any],
) -> None:
    """Fill a shard's folder.

    Args:
        folder: empty.
        keys: of the samples.
        entries: likewise, one after the other.
        targets: what samples can be labelled with.
        side: of the images, pixels.
        about: ``folder`` and ``preprocess``, see ``Shard``.

    Raises:
        OSError: the disk is full or can't be written to.
    """
    blank, entries = _blank(iter(entries), side)
    broken: dict[int, tuple[str, str]] = {}
    with NpyStack(folder / IMAGES, blank) as images, ColumnWriter(folder, targets) as columns:
        for row, entry in enumerate(entries):
            if isinstance(entry, BadFile):
                broken[row] = (entry.path, entry.reason)
                images.append(blank)
            else:
                image, values = entry
                images.append(image[None])
                columns.add(row, values)
    save_index(folder, columns.index)
    (folder / BROKEN).write_text(json.dumps(broken))
    (folder / KEYS).write_bytes(b"".join(keys))
    (folder / ABOUT).write_text(json.dumps({**about, "samples": len(keys)}))


def _blank(entries: Iterator[Entry], side: int) -> tuple[npt.NDArray[Any], Iterator[Entry]]:
    """(1, S, S, C) of zeros, like the first image that can be read, and all entries."""
    ahead: list[Entry] = []
    image = np.zeros((side, side, 3), np.uint8)
    for entry in entries:
        ahead.append(entry)
        if not isinstance(entry, BadFile):
            image = entry[0]
            break
    return np.zeros_like(image)[None], chain(ahead, entries)


def _entries(
    source: FileSource,
    indices: Sequence[int],
    targets: Mapping[str, Target],
    preprocess: Preprocess,
) -> Iterator[Entry]:
    console = Console(stderr=True)
    for index in track(indices, "Caching images", console=console, transient=True):
        try:
            sample, _ = picture(source, index, preprocess, targets)
        except BadFile as error:
            yield error
        else:
            yield sample.image, sample.targets
