"""A split whose samples are those of several sets that show the same picture."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mtl.data.image_format import decoded_once
from mtl.data.sample import Sample, TargetValue
from mtl.data.sources.base import Split
from mtl.data.sources.file_source import FileSource
from mtl.data.sources.together import SetPart
from mtl.errors import BadFile

Places = Sequence[tuple[str, Split, int]]
"""Where the samples of one picture are: set, split of the set and row in it."""


class JoinedSource(FileSource):
    """Samples with the targets of all sets that have the picture, under their names in the whole.

    Args:
        parts: set and split to what it brings; of file sources.
        rows: of each sample.
    """

    def __init__(self, parts: Mapping[tuple[str, Split], SetPart], rows: Sequence[Places]) -> None:
        self.parts = parts
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def id(self, index: int) -> str:
        """The picture's path, as the first set that has it tells it."""
        part, row = self._at(index)[0]
        return part.source.id(row)

    def image(self, index: int, size: int | None = None) -> npt.NDArray[np.uint8]:
        """The picture alone; see ``Source.read``."""
        part, row = self._at(index)[0]
        return part.source.read(row, size).image

    def read(self, index: int, size: int | None = None) -> Sample:
        """The picture with all targets.

        Raises:
            BadFile: it can't be read, or two sets have a target that was merged of theirs.
        """
        with decoded_once():
            read = [(part, row, part.source.read(row, size)) for part, row in self._at(index)]
        found: dict[str, TargetValue] = {}
        for part, row, sample in read:
            self._add(found, part, part.targets(row, sample.targets), index)
        first = read[0][2]
        return Sample(first.image, first.id, found, first.size)

    def annotations(self, index: int) -> Mapping[str, object]:
        """Those of all sets."""
        found: dict[str, TargetValue] = {}
        for part, row in self._at(index):
            self._add(found, part, part.targets(row, part.source.annotations(row)), index)
        return found

    def strata(self) -> Sequence[Hashable]:
        """The sets that have the picture, with their own where they have some."""
        inner = {key: part.source.strata() for key, part in self.parts.items()}
        return [
            tuple(
                (name, None if (own := inner[name, split]) is None else own[row])
                for name, split, row in places
            )
            for places in self.rows
        ]

    def files(self, index: int) -> list[Path]:
        """The sets' files."""
        found: dict[Path, None] = {}
        for part, row in self._at(index):
            found |= dict.fromkeys(_files_of(part).files(row))
        return list(found)

    def key(self) -> str:
        """The sets' keys, and how their targets are numbered here."""
        return "".join(dict.fromkeys(part.key() for part in self.parts.values()))

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The row of each sample's id."""
        return {self.id(index): index for index in range(len(self))}

    def _at(self, index: int) -> list[tuple[SetPart, int]]:
        return [(self.parts[name, split], row) for name, split, row in self.rows[index]]

    def _add(
        self,
        found: dict[str, TargetValue],
        part: SetPart,
        targets: Mapping[str, TargetValue],
        index: int,
    ) -> None:
        if twice := sorted(found.keys() & targets.keys()):
            others = [its.name for its, _ in self._at(index) if its is not part]
            raise BadFile(
                self.id(index),
                f"has {twice[0]} in {part.name} and in {others[0]}, and a merged target may come "
                "from one set alone",
            )
        found.update(targets)


def _files_of(part: SetPart) -> FileSource:
    assert isinstance(part.source, FileSource)
    return part.source
