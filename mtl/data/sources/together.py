"""Splits of several data sets as one."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mtl.data.sample import Sample, Target, TargetValue, understood
from mtl.data.sources.base import ArraySource, Source
from mtl.data.sources.file_source import FileSource
from mtl.data.sources.known_classes import Classes
from mtl.data.target.base import Column, TargetKind

AFTER_SET = ":"
"""Between a set's name and the sample's own id."""


def set_of(sample: str) -> str:
    """The name of a sample's set, by its id in the whole."""
    return sample.partition(AFTER_SET)[0]


@dataclass(frozen=True)
class SetPart:
    """What a set brings.

    Args:
        name: of the set; the beginning of its samples' ids.
        source: one of its splits.
        becomes: its targets to their names in the whole, with their classes' numbers there.
    """

    name: str
    source: Source
    becomes: Mapping[str, tuple[str, Classes]]

    def id(self, index: int) -> str:
        """The sample's id in the whole."""
        return f"{self.name}{AFTER_SET}{self.source.id(index)}"

    def targets(self, index: int, values: Mapping[str, TargetValue]) -> dict[str, TargetValue]:
        """A sample's targets under their names in the whole.

        Raises:
            BadFile: a value is none of its kind.
        """
        data = {name: classes.data for name, (_, classes) in self.becomes.items()}
        known = understood(self.id(index), values, data)
        moved = {self.becomes[n][0]: self.becomes[n][1].value(value) for n, value in known.items()}
        return {name: value for name, value in moved.items() if value is not None}

    def key(self) -> str:
        """The set's key where its samples lie in files, and how its targets are numbered here."""
        assert isinstance(self.source, FileSource)
        numbers = {n: (to, c.table.tolist()) for n, (to, c) in sorted(self.becomes.items())}
        return f"{self.name}{self.source.key()}{numbers}"

    def columns(self, source: ArraySource) -> dict[str, Column]:
        """The columns of a set in memory under their names in the whole."""
        return {
            name: classes.column(source.targets[own])
            for own, (name, classes) in self.becomes.items()
            if own in source.targets
        }


class SetsTogether(Source):
    """The samples of several sets, evenly mixed, so that the first N hold some of each.

    Args:
        parts: at least one.
    """

    def __init__(self, parts: Sequence[SetPart]) -> None:
        self.parts = list(parts)
        self.rows = evenly([len(part.source) for part in parts])

    def __len__(self) -> int:
        return len(self.rows)

    def id(self, index: int) -> str:
        """The set's name and the sample's id there: ``cells:photos/1.jpg``."""
        part, row = self._at(index)
        return part.id(row)

    def read(self, index: int, size: int | None = None) -> Sample:
        """The sample with the set's targets, under their names in the whole.

        Raises:
            BadFile: it can't be read.
        """
        part, row = self._at(index)
        sample = part.source.read(row, size)
        targets = part.targets(row, sample.targets)
        return Sample(sample.image, part.id(row), targets, sample.size)

    def annotations(self, index: int) -> Mapping[str, object]:
        """The set's, under their names in the whole."""
        part, row = self._at(index)
        return part.targets(row, part.source.annotations(row))

    def strata(self) -> Sequence[Hashable] | None:
        """The set, with the set's own where it has some."""
        inner = [part.source.strata() for part in self.parts]
        return [
            (number, None if (own := inner[number]) is None else own[row])
            for number, row in self.rows.tolist()
        ]

    def _at(self, index: int) -> tuple[SetPart, int]:
        number, row = self.rows[index].tolist()
        return self.parts[number], row


class FileSetsTogether(SetsTogether, FileSource):
    """The same of sets whose samples lie in files."""

    def files(self, index: int) -> list[Path]:
        """The set's files."""
        part, row = self._at(index)
        assert isinstance(part.source, FileSource)
        return part.source.files(row)

    def key(self) -> str:
        """The sets' keys, and how their targets are numbered here."""
        return "".join(part.key() for part in self.parts)


def put_together(parts: Sequence[SetPart], meaning: Mapping[str, Target]) -> Source:
    """The parts as one source: in memory where all are and their images have one size.

    Args:
        parts: at least one.
        meaning: the targets of the whole.
    """
    arrays = [part.source for part in parts if isinstance(part.source, ArraySource)]
    if len(arrays) == len(parts) and len({source.images.shape[1:] for source in arrays}) == 1:
        return _one_array(parts, arrays, meaning)
    if all(isinstance(part.source, FileSource) for part in parts):
        return FileSetsTogether(parts)
    return SetsTogether(parts)


def evenly(sizes: Sequence[int]) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """(N, 2): number of the part and row in it, each part spread over the whole."""
    part = np.concatenate([np.full(size, number) for number, size in enumerate(sizes)])
    row = np.concatenate([np.arange(size) for size in sizes])
    place = np.concatenate([(np.arange(size) + 0.5) / max(1, size) for size in sizes])
    return np.stack([part, row], axis=1)[np.argsort(place, kind="stable")]


def _one_column(
    kind: TargetKind,
    columns: Sequence[Column | None],
    sizes: Sequence[int],
    order: npt.NDArray[np.int64],
) -> Column:
    """A target's column in the whole, out of those of the parts that have it."""
    there = [column for column in columns if column is not None]
    if there and all(isinstance(column, np.ndarray) for column in there):
        shape = np.shape(there[0])[1:]
        filled = [
            np.full((size, *shape), kind.unknown, kind.dtype) if column is None else column
            for column, size in zip(columns, sizes, strict=True)
        ]
        joined: Column = np.concatenate(filled)[order]
        return joined
    values = [
        None if column is None else kind.value_at(column, row)
        for column, size in zip(columns, sizes, strict=True)
        for row in range(size)
    ]
    return kind.column([values[place] for place in order])


def _one_array(
    parts: Sequence[SetPart], sources: Sequence[ArraySource], meaning: Mapping[str, Target]
) -> ArraySource:
    rows = evenly([len(source) for source in sources])
    starts = np.cumsum([0, *(len(source) for source in sources)])
    order = starts[rows[:, 0]] + rows[:, 1]
    found = [part.columns(source) for part, source in zip(parts, sources, strict=True)]
    sizes = [len(source) for source in sources]
    columns = {
        name: _one_column(target.kind, [own.get(name) for own in found], sizes, order)
        for name, target in meaning.items()
    }
    ids = [part.id(row) for part, s in zip(parts, sources, strict=True) for row in range(len(s))]
    return ArraySource(
        np.concatenate([source.images for source in sources])[order],
        [ids[place] for place in order],
        columns,
        meaning,
    )
