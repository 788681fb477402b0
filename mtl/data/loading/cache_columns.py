"""The targets of many samples in a few files, and back; kinds take their values apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from mtl.data.sample import Target, TargetValue

Array = npt.NDArray[Any]
INDEX = "targets.npz"


class NpyStack:
    """An .npy file of arrays that differ in their first axis alone, written one after the other.

    Written through a file and not a memory map, since a full disk under a map kills the process.

    Args:
        path: of the file.
        like: an array of the type and shape of those to come, but for the first axis.
    """

    def __init__(self, path: Path, like: Array) -> None:
        self.dtype, self.shape = like.dtype, like.shape[1:]
        self.length = 0
        self._file = path.open("wb")
        self._header()

    def append(self, array: Array) -> None:
        """Add one more.

        Raises:
            ValueError: it has another shape or type.
        """
        if array.shape[1:] != self.shape or array.dtype != self.dtype:
            expected = f"expected (N, {', '.join(map(str, self.shape))}) {self.dtype}"
            raise ValueError(f"{expected}, got {array.shape} {array.dtype}")
        self._file.write(np.ascontiguousarray(array).data)
        self.length += len(array)

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
        descr = npy.dtype_to_descr(self.dtype)
        header: dict[str, Any] = {"descr": descr, "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(self._file, header)


class ColumnWriter:
    """Writes targets sample by sample, one file for each array that their kinds make of them.

    Args:
        folder: where.
        targets: what samples can be labelled with.
    """

    def __init__(self, folder: Path, targets: Mapping[str, Target]) -> None:
        self.folder = folder
        self.targets = targets
        self.index: dict[str, list[int]] = defaultdict(list)
        self._stacks: dict[str, NpyStack] = {}
        self._files = ExitStack()

    def add(self, row: int, values: Mapping[str, TargetValue]) -> None:
        """The targets of a sample; rows ascend."""
        for name, value in values.items():
            self.index[f"{name}.rows"].append(row)
            for part, array in self.targets[name].kind.pack(value).items():
                key = f"{name}.{part}"
                if key not in self._stacks:
                    stack = NpyStack(self.folder / f"{key}.npy", array)
                    self._stacks[key] = self._files.enter_context(stack)
                self._stacks[key].append(array)
                self.index[f"{key}.ends"].append(self._stacks[key].length)

    def __enter__(self) -> ColumnWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._files.__exit__(kind, error, trace)


def save_index(folder: Path, index: Mapping[str, list[int]]) -> None:
    """Write which rows have which target, and where in the files they lie."""
    with (folder / INDEX).open("wb") as file:
        np.savez(file, allow_pickle=False, **{k: np.array(v, np.int64) for k, v in index.items()})


class Columns:
    """What ``ColumnWriter`` wrote, memory-mapped; each row is a new copy.

    Args:
        folder: of the files.
        targets: what samples can be labelled with.

    Raises:
        OSError: the files are gone.
    """

    def __init__(self, folder: Path, targets: Mapping[str, Target]) -> None:
        self.targets = targets
        # Of a path numpy leaves a damaged file open.
        with (folder / INDEX).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            index: dict[str, npt.NDArray[np.int64]] = dict(file)
        self._numbers = {
            name: {row: number for number, row in enumerate(index[f"{name}.rows"].tolist())}
            for name in targets
            if f"{name}.rows" in index
        }
        self._parts: dict[str, dict[str, tuple[Array, npt.NDArray[np.int64]]]] = defaultdict(dict)
        for key, ends in index.items():
            file, _, what = key.rpartition(".")
            name, _, part = file.rpartition(".")
            if what == "ends" and name in self._numbers:
                self._parts[name][part] = mapped(folder / f"{file}.npy"), ends

    def __getitem__(self, row: int) -> dict[str, TargetValue]:
        return {
            name: self.targets[name].kind.unpack(self._arrays(name, number[row]))
            for name, number in self._numbers.items()
            if row in number
        }

    def _arrays(self, name: str, number: int) -> dict[str, Array]:
        found = {}
        for part, (array, ends) in self._parts[name].items():
            start = int(ends[number - 1]) if number else 0
            found[part] = np.array(array[start : int(ends[number])])
        return found


def mapped(path: Path) -> Array:
    """An .npy file as a memory map; one without content, which can't be mapped, as it is."""
    try:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError:
        array = np.load(path, allow_pickle=False)
    return array
