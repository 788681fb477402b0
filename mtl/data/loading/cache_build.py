"""Writing a cache of preprocessed samples: whole or not at all."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy
from rich.console import Console
from rich.progress import track

from mtl.data.loading.cache_columns import save_columns
from mtl.data.preprocess.base import Preprocess
from mtl.data.preprocess.picture import picture
from mtl.data.sample import TargetValue
from mtl.data.sources.base import Source
from mtl.errors import BadFile, UserError

_TEMPORARY = ".temporary-"
_ABANDONED_S = 24 * 3600


class NpyStack:
    """An .npy file of uint8 arrays of one shape, written one after the other.

    Written through a file and not a memory map, since a full disk under a map kills the process.

    Args:
        path: of the file.
        shape: of each array.
    """

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.length = 0
        self._file = path.open("wb")
        self._header()

    def append(self, array: npt.NDArray[np.uint8]) -> None:
        """Add one more.

        Raises:
            ValueError: it has another shape or type.
        """
        if array.shape != self.shape or array.dtype != np.uint8:
            raise ValueError(f"expected {self.shape} uint8, got {array.shape} {array.dtype}")
        self._file.write(np.ascontiguousarray(array).data)
        self.length += 1

    def __enter__(self) -> NpyStack:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # NumPy leaves room in the header for the first axis to grow.
        self._file.seek(0)
        self._header()
        self._file.close()

    def _header(self) -> None:
        shape = (self.length, *self.shape)
        header: dict[str, Any] = {"descr": "|u1", "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(self._file, header)


def build(source: Source, preprocess: Preprocess, place: Path) -> None:
    """Write the cache of all samples to the folder ``place``, which appears when all is there.

    Raises:
        UserError: the disk is full or can't be written to.
    """
    try:
        with _temporary(place.parent) as folder:
            _write(source, preprocess, folder)
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


def _write(source: Source, preprocess: Preprocess, folder: Path) -> None:
    size = preprocess.image_size
    columns: list[dict[str, TargetValue]] = []
    broken: dict[int, tuple[str, str]] = {}
    masks: dict[str, NpyStack] = {}
    mask_rows: dict[str, list[int]] = {}
    rows = track(range(len(source)), "Caching images", console=Console(stderr=True), transient=True)
    with ExitStack() as files:
        images = files.enter_context(NpyStack(folder / "images.npy", (size, size, 3)))
        for row in rows:
            columns.append({})
            try:
                sample, _ = picture(source, row, preprocess)
            except BadFile as error:
                broken[row] = (error.path, error.reason)
                images.append(np.zeros(images.shape, np.uint8))
                continue
            images.append(sample.image)
            for name, value in sample.targets.items():
                if not isinstance(value, np.ndarray) or value.ndim < 2:
                    columns[row][name] = value
                    continue
                if name not in masks:
                    stack = NpyStack(folder / f"{name}.mask.npy", (size, size))
                    masks[name] = files.enter_context(stack)
                masks[name].append(value.astype(np.uint8, copy=False))
                mask_rows.setdefault(name, []).append(row)
    save_columns(folder / "targets.npz", columns)
    index = {"broken": broken, "masks": mask_rows}
    (folder / "index.json").write_text(json.dumps(index))
