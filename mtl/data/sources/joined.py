"""Data sets that label the same pictures, each in its own layout."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl.config.nearest import listing
from mtl.data.sources.base import SPLITS, Split
from mtl.data.sources.file_source import FileSource
from mtl.data.sources.mixed import Mixed
from mtl.data.sources.one_sample import JoinedSource, Places
from mtl.data.sources.together import SetPart
from mtl.errors import UserError
from mtl.words import counted

Owned = tuple[str, Split, int]
"""A set, its split and the row in it."""


class Joined(Mixed):
    """One sample of each picture file, with the targets of all sets that have it.

    Targets are called as in ``mixed``, and merged likewise. A picture that a set doesn't have lacks
    its targets. Files are the same where their real paths are, links followed.

    Args:
        sets: name to the node of a data set whose samples are files of pictures.
        merge: see ``Mixed``; a picture may have such a target in one of the sets alone.
        splits_of: the set whose splits count for its pictures where other sets have them in
            others; None refuses those.
        image_size: given to every set.

    Raises:
        UserError: a set's node makes no sense.
    """

    def __init__(
        self,
        *,
        sets: Mapping[str, Mapping[str, Any]],
        merge: Mapping[str, Sequence[str]] | None,
        splits_of: str | None,
        image_size: int,
    ) -> None:
        super().__init__(
            sets=sets,
            merge=merge,
            sampling="proportional",
            temperature=1.0,
            shares=None,
            batches="mixed",
            only=None,
            image_size=image_size,
        )
        self.splits_of = splits_of

    def prepare(self) -> None:
        """Each set's own preparation, and the join.

        Raises:
            UserError: a set's samples are no files of pictures, or two sets have a picture in
                different splits.
        """
        super().prepare()
        self.__dict__.pop("_parts", None)
        self.__dict__.pop("_joined", None)
        _ = self._joined

    def decided(self) -> Sequence[str]:
        """The sets' own, and how many pictures which sets have."""
        rows = [row for split in self._joined.values() for row in split]
        said = [
            f"{counted(number, 'picture')} in {listing(names)}"
            for names, number in Counter(tuple(name for name, _, _ in row) for row in rows).items()
        ]
        return [*super().decided(), *said]

    def image(
        self, split: Split, sample: str, size: int | None = None
    ) -> npt.NDArray[np.uint8] | None:
        """The picture's, as the first set that has it reads it."""
        source = self.split(split)
        row = None if source is None else source.row_of.get(sample)
        return None if source is None or row is None else source.image(row, size)

    def split(self, split: Split) -> JoinedSource | None:
        """The pictures of a split; None where there is none."""
        rows = self._joined[split]
        return JoinedSource(self._parts, rows) if rows else None

    @cached_property
    def _parts(self) -> dict[tuple[str, Split], SetPart]:
        """What each set brings to each of its splits."""
        becomes = self._settle()
        return {
            (name, split): SetPart(name, source, becomes[name])
            for name, data_set in self.sets.items()
            for split in SPLITS
            if (source := data_set.split(split)) is not None and len(source)
        }

    @cached_property
    def _joined(self) -> dict[Split, list[Places]]:
        """Where the samples of each picture are, in the order of the sets."""
        found: dict[str, list[Owned]] = {}
        for name, split, row, file in self._files():
            owned = found.setdefault(file, [])
            if any(its == name for its, _, _ in owned):
                raise UserError(f"data.sets.{name}: has {file} twice; a picture is one sample")
            owned.append((name, split, row))
        joined: dict[Split, list[Places]] = {split: [] for split in SPLITS}
        apart: list[str] = []
        for file, owned in found.items():
            splits = {name: split for name, split, _ in owned}
            if self.splits_of in splits:
                joined[splits[self.splits_of]].append(owned)
            elif len(set(splits.values())) > 1:
                apart.append(f"{file} is in {_said(splits)}")
            else:
                joined[owned[0][1]].append(owned)
        if apart:
            raise UserError(
                f"data=joined: {apart[0]} ({counted(len(apart), 'such picture')}); give the sets "
                "the same val_fraction, test_fraction and split_seed, or say whose splits count: "
                f"data.splits_of={next(iter(self.sets))}"
            )
        return joined

    def _files(self) -> Iterator[tuple[str, Split, int, str]]:
        """Of all samples their set, split, row and picture."""
        for (name, split), part in self._parts.items():
            source = part.source
            if not isinstance(source, FileSource) or source.id(0) not in map(str, source.files(0)):
                raise UserError(
                    f"data.sets.{name}: its samples are not told by their picture's file, by which "
                    "sets are joined; data=mixed takes it"
                )
            for row in range(len(source)):
                yield name, split, row, os.path.realpath(source.id(row))


def _said(splits: Mapping[str, Split]) -> str:
    return listing(f"{split} of {name}" for name, split in splits.items())
