"""The targets of many samples as plain arrays in one file, and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mtl.data.sample import Boxes, TargetValue


def save_columns(path: Path, samples: Sequence[dict[str, TargetValue]]) -> None:
    """Write integers, vectors and boxes of N samples.

    Args:
        path: an .npz file.
        samples: target name to value, without masks.
    """
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for name in sorted({name for targets in samples for name in targets}):
        having = [row for row, targets in enumerate(samples) if name in targets]
        values = [samples[row][name] for row in having]
        arrays[f"{name}.rows"] = np.array(having, np.int64)
        boxes = [value for value in values if isinstance(value, Boxes)]
        if boxes:
            arrays[f"{name}.ends"] = np.cumsum([0, *map(len, boxes)])
            arrays[f"{name}.xyxy"] = np.concatenate([value.xyxy for value in boxes])
            arrays[f"{name}.labels"] = np.concatenate([value.labels for value in boxes])
            arrays[f"{name}.difficult"] = np.concatenate([value.difficult for value in boxes])
            arrays[f"{name}.within"] = np.array([v.within or (np.nan,) * 4 for v in boxes])
        else:
            arrays[f"{name}.values"] = np.stack([np.asarray(value) for value in values])
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


class Columns:
    """What ``save_columns`` wrote; each row is a new copy.

    Args:
        path: the .npz file.
    """

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as file:
            self._arrays: dict[str, npt.NDArray[np.generic]] = dict(file)
        self._numbers = {
            key.removesuffix(".rows"): {row: number for number, row in enumerate(rows.tolist())}
            for key, rows in self._arrays.items()
            if key.endswith(".rows")
        }

    def __getitem__(self, row: int) -> dict[str, TargetValue]:
        return {
            name: self._value(name, numbers[row])
            for name, numbers in self._numbers.items()
            if row in numbers
        }

    def _value(self, name: str, number: int) -> TargetValue:
        values = self._arrays.get(f"{name}.values")
        if values is not None:
            return int(values[number]) if values.ndim == 1 else values[number].copy()
        within = self._arrays[f"{name}.within"][number]
        start, end = self._arrays[f"{name}.ends"][number : number + 2].tolist()
        return Boxes(
            np.array(self._arrays[f"{name}.xyxy"][start:end], np.float32),
            np.array(self._arrays[f"{name}.labels"][start:end], np.int64),
            np.array(self._arrays[f"{name}.difficult"][start:end], np.bool_),
            None if np.isnan(within).any() else tuple(within.tolist()),
        )
