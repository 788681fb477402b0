"""Writing entries of the cache."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from mtl.data.loading.cache_columns import ColumnWriter, NpyStack, save_index
from mtl.data.loading.cache_key import sample_key
from mtl.data.loading.cache_store import ABOUT, KEYS
from mtl.data.preprocess.base import Preprocess
from mtl.data.preprocess.picture import picture
from mtl.data.sample import Target
from mtl.data.sources.file_source import FileSource
from mtl.errors import BadFile

IMAGES = "images.npy"
BROKEN = "broken.json"


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
    blank = np.zeros((1, preprocess.image_size, preprocess.image_size, 3), np.uint8)
    broken: dict[int, tuple[str, str]] = {}
    # Before they are read: what changes meanwhile is another sample the next time.
    keys = b"".join(sample_key(source, index) for index in indices)
    rows = track(indices, "Caching images", console=Console(stderr=True), transient=True)
    with NpyStack(folder / IMAGES, blank) as images, ColumnWriter(folder, targets) as columns:
        for row, index in enumerate(rows):
            try:
                sample, _ = picture(source, index, preprocess, targets)
            except BadFile as error:
                broken[row] = (error.path, error.reason)
                images.append(blank)
                continue
            images.append(sample.image[None])
            columns.add(row, sample.targets)
    save_index(folder, columns.index)
    (folder / BROKEN).write_text(json.dumps(broken))
    (folder / KEYS).write_bytes(keys)
    firsts = [str(source.files(index)[0].parent.absolute()) for index in indices]
    about = {
        "folder": os.path.commonpath(firsts),
        "preprocess": preprocess.described,
        "samples": len(indices),
    }
    (folder / ABOUT).write_text(json.dumps(about))
