"""Writing a cache of preprocessed samples: whole or not at all."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from mtl.data.loading.cache_columns import ColumnWriter, NpyStack, save_index
from mtl.data.preprocess.base import Preprocess
from mtl.data.preprocess.picture import picture
from mtl.data.sample import Target
from mtl.data.sources.base import Source
from mtl.errors import BadFile, UserError

_TEMPORARY = ".temporary-"
_ABANDONED_S = 24 * 3600


def build(
    source: Source, targets: Mapping[str, Target], preprocess: Preprocess, place: Path
) -> None:
    """Write the cache of all samples to the folder ``place``, which appears when all is there.

    Raises:
        UserError: the disk is full or can't be written to.
    """
    try:
        with _temporary(place.parent) as folder:
            _write(source, targets, preprocess, folder)
            _publish(folder, place)
    except OSError as error:
        raise UserError(
            f"the cache can't be written to {place.parent} ({error.strerror or error}); "
            "set data.cache_dir= or data.cache=false"
        ) from None


def remove(place: Path) -> None:
    """Delete a cache, so that no process ever finds half of one."""
    aside = place.parent / f"{_TEMPORARY}{secrets.token_hex(8)}"
    with suppress(OSError):
        place.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def remove_abandoned(folder: Path) -> None:
    """Delete what processes left behind that were killed while they were building."""
    for path in folder.glob(f"{_TEMPORARY}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED_S:
                shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _temporary(parent: Path) -> Iterator[Path]:
    folder = parent / f"{_TEMPORARY}{secrets.token_hex(8)}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(folder: Path, place: Path) -> None:
    try:
        folder.rename(place)
    except OSError:
        # Another process was faster; its cache is as good.
        if not place.is_dir():
            raise


def _write(
    source: Source, targets: Mapping[str, Target], preprocess: Preprocess, folder: Path
) -> None:
    blank = np.zeros((1, preprocess.image_size, preprocess.image_size, 3), np.uint8)
    broken: dict[int, tuple[str, str]] = {}
    rows = track(range(len(source)), "Caching images", console=Console(stderr=True), transient=True)
    with (
        NpyStack(folder / "images.npy", blank) as images,
        ColumnWriter(folder, targets) as columns,
    ):
        for row in rows:
            try:
                sample, _ = picture(source, row, preprocess, targets)
            except BadFile as error:
                broken[row] = (error.path, error.reason)
                images.append(blank)
                continue
            images.append(sample.image[None])
            columns.add(row, sample.targets)
    save_index(folder / "targets.npz", columns.index)
    (folder / "broken.json").write_text(json.dumps(broken))
