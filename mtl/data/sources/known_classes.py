"""A data set in the terms of a trained network: classes go by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mtl.data.loading.shares import Shares
from mtl.data.sample import Sample, Target, TargetValue, understood
from mtl.data.sources.base import ArraySource, DataSet, Source, Split
from mtl.data.sources.file_source import FileSource
from mtl.data.target.base import Column
from mtl.errors import UserError

Renumbering = Mapping[str, "Classes"]
"""Target name to how its classes are numbered; targets that stay as they are may be absent."""


class Classes:
    """One target's class indices, from the data's numbering to the network's.

    Args:
        data: what the data labels.
        known: what the network was trained on.
    """

    def __init__(self, data: Target, known: Target) -> None:
        self.data = data
        self.known = known
        self.table = _table(data.classes, known.classes)
        self.points = _table(data.keypoints, known.keypoints)

    @property
    def missing(self) -> list[str]:
        """Classes of the data that the network doesn't know."""
        return [name for name in self.data.classes if name not in self.known.classes]

    def value(self, value: TargetValue) -> TargetValue | None:
        """A sample's target renumbered; None where nothing is left of it.

        What the network doesn't know is not there: a label is absent, boxes are left out, pixels
        are ignored. Of a class that the data doesn't know a multi-hot vector says nothing.
        """
        found = self.data.kind.renumbered(value, self.table, self.known)
        if found is None or self.data.keypoints == self.known.keypoints:
            return found
        return self.data.kind.pointed(found, self.points, self.known)

    def column(self, column: Column) -> Column:
        """A whole target of an ArraySource renumbered."""
        if (self.data.classes, self.data.keypoints) == (self.known.classes, self.known.keypoints):
            return column
        kind = self.data.kind
        values = [kind.value_at(column, row) for row in range(len(column))]
        return kind.column([None if value is None else self.value(value) for value in values])


class Renumbered(Source):
    """Samples of another source with their classes renumbered."""

    def __init__(self, source: Source, classes: Renumbering) -> None:
        self.source = source
        self.classes = classes

    def __len__(self) -> int:
        return len(self.source)

    def id(self, index: int) -> str:
        """The other source's id."""
        return self.source.id(index)

    def read(self, index: int, size: int | None = None) -> Sample:
        """The other source's sample, renumbered."""
        sample = self.source.read(index, size)
        sample.targets = self._targets(index, sample.targets)
        return sample

    def annotations(self, index: int) -> Mapping[str, object]:
        """The other source's annotations, renumbered."""
        return self._targets(index, self.source.annotations(index))

    def _targets(self, index: int, targets: Mapping[str, TargetValue]) -> dict[str, TargetValue]:
        data = {name: classes.data for name, classes in self.classes.items()}
        known = understood(self.id(index), targets, data)
        moved = {name: self.classes[name].value(value) for name, value in known.items()}
        return {n: v for n, v in {**targets, **moved}.items() if v is not None}


class RenumberedFiles(Renumbered, FileSource):
    """The same of a source whose samples lie in files."""

    source: FileSource

    def files(self, index: int) -> list[Path]:
        """The other source's files."""
        return self.source.files(index)

    def key(self) -> str:
        """The other source's key, and the numbers."""
        numbers = {
            name: classes.table.tolist() + classes.points.tolist()
            for name, classes in sorted(self.classes.items())
        }
        return f"{self.source.key()}{numbers}"


class KnownClasses(DataSet):
    """A data set whose targets are numbered as a network was trained on them.

    Args:
        data_set: prepared.
        known: target name to what the network was trained on.

    Raises:
        UserError: a target is of another kind, has none of the network's classes or keypoints, or
            numbers in other units.
    """

    def __init__(self, data_set: DataSet, known: Mapping[str, Target]) -> None:
        self.data_set = data_set
        self.known = known
        self.classes: dict[str, Classes] = {}
        for name, target in known.items():
            there = data_set.targets.get(name)
            if there is None or there == target:
                continue
            if there.kind != target.kind or not _in_common(there, target):
                raise UserError(
                    f"the data's {name} has none of the classes that the run was trained on: it "
                    f"has {_listed(there.classes)}; the run knows {_listed(target.classes)}"
                )
            _refuse_other_points(name, there, target)
            _refuse_other_units(name, there, target)
            self.classes[name] = Classes(there, target)

    @property
    def targets(self) -> Mapping[str, Target]:
        """The data's targets, in the network's terms."""
        return {**self.data_set.targets, **{name: c.known for name, c in self.classes.items()}}

    def decided(self) -> Sequence[str]:
        """The other set's."""
        return self.data_set.decided()

    def notes(self) -> Sequence[str]:
        """The other set's, and classes that only one side knows."""
        said = list(self.data_set.notes())
        for name, classes in self.classes.items():
            common = [n for n in classes.known.classes if n in classes.data.classes]
            if classes.missing or len(common) < len(classes.known.classes):
                said.append(
                    f"{name}: evaluated on {_listed(common)}, the classes in common; the data has "
                    f"{_listed(classes.data.classes)}, the run knows "
                    f"{_listed(classes.known.classes)}"
                )
        return said

    def shares(self, source: Source) -> Shares | None:
        """The other set's."""
        return self.data_set.shares(source)

    def split(self, split: Split) -> Source | None:
        """The other set's split, renumbered."""
        source = self.data_set.split(split)
        if source is None or not self.classes:
            return source
        if isinstance(source, ArraySource):
            columns = {
                name: self.classes[name].column(column) if name in self.classes else column
                for name, column in source.targets.items()
            }
            return ArraySource(source.images, source.ids, columns, self.targets)
        kind = RenumberedFiles if isinstance(source, FileSource) else Renumbered
        return kind(source, self.classes)


def _table(names: Sequence[str], known: Sequence[str]) -> npt.NDArray[np.int64]:
    """(N,) the place of each name among those that are known, -1 where it isn't."""
    place = {name: number for number, name in enumerate(known)}
    return np.array([place.get(name, -1) for name in names], np.int64)


def _in_common(data: Target, known: Target) -> bool:
    return bool(set(data.kind.named(data)) & set(known.kind.named(known)))


def _refuse_other_points(name: str, data: Target, known: Target) -> None:
    if known.keypoints and not set(data.keypoints) & set(known.keypoints):
        raise UserError(
            f"the data's {name} has none of the keypoints that the run was trained on: it has "
            f"{_listed(data.keypoints)}; the run knows {_listed(known.keypoints)}"
        )


def _refuse_other_units(name: str, data: Target, known: Target) -> None:
    its, own = (dict(zip(t.classes, t.units, strict=False)) for t in (data, known))
    for number in set(data.classes) & set(known.classes):
        there, then = (units.get(number) or "no unit" for units in (its, own))
        if there != then:
            raise UserError(
                f"the data's {name} gives {number} in {there}; the run was trained on it in {then}"
            )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
