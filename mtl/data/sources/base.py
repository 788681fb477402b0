"""The two things a data set has to be: a maker of splits, and a split that hands out samples."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from mtl.data.loading.shares import Shares
from mtl.data.sample import Sample, Target, TargetValue
from mtl.data.target.base import Column
from mtl.errors import UserError

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


class Source(ABC):
    """One split of a data set, of fixed length and order."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def read(self, index: int, size: int | None = None) -> Sample:
        """The sample at ``index``.

        Args:
            index: 0 to ``len(self) - 1``.
            size: the side in pixels that the image will be resized to. A source may decode a large
                image at reduced size as long as both sides stay at or above it, and gives boxes and
                masks in the pixels of the image that it returns. None asks for full resolution.

        Raises:
            BadFile: the file can't be read, or what it says makes no sense.
        """

    @abstractmethod
    def id(self, index: int) -> str:
        """The sample's id without reading it."""

    def annotations(self, index: int) -> Mapping[str, object]:
        """The sample's targets without the image where that is cheap; used by ``inspect``."""
        return self.read(index).targets

    def strata(self) -> Sequence[Hashable] | None:
        """What a choice of some samples is to be spread over: a value per sample, its label mostly.

        None where telling would take reading every sample.
        """
        return None


class ArraySource(Source):
    """A split that lies in memory as one array of images of one size.

    Batches are cut out of it without touching samples one by one, and augmentation works on whole
    batches.

    Args:
        images: (N, H, W, 3) uint8 RGB; of grey pictures a view of one plane three times
            (``np.broadcast_to``), which is augmented once.
        ids: N names.
        targets: target name to a column of N values: (N,) int64 for ``label``, (N, C) int8 for
            ``labels``, a sequence of N Boxes (or None) for ``boxes``, (N, H, W) uint8 for
            ``mask``. A row of an array that is wholly unknown (IGNORE_LABEL, IGNORE_PIXEL, NaN)
            means that the sample lacks the target.
        meaning: the data set's ``targets``.

    Raises:
        UserError: a column is none of its kind, or nobody said what it means.
    """

    def __init__(
        self,
        images: npt.NDArray[np.uint8],
        ids: Sequence[str],
        targets: Mapping[str, Column],
        meaning: Mapping[str, Target],
    ) -> None:
        self.images = images
        self.ids = ids
        self.targets: dict[str, Column] = {}
        self.meaning = dict(meaning)
        for name, column in targets.items():
            if name not in meaning:
                raise UserError(f"the data set's targets don't say what its column {name} means")
            kind = meaning[name].kind
            try:
                self.targets[name] = kind.as_column(column)
                first = kind.value_at(self.targets[name], 0) if len(column) else None
                if first is not None:
                    meaning[name].exact(first)
            except ValueError as error:
                raise UserError(f"the data set's column {name} is no {kind}: {error}") from error

    def __len__(self) -> int:
        return len(self.images)

    def id(self, index: int) -> str:
        """The sample's id."""
        return self.ids[index]

    def read(self, index: int, size: int | None = None) -> Sample:
        """The sample at ``index``; ``size`` changes nothing, since nothing is decoded."""
        found: dict[str, TargetValue] = {}
        for name, column in self.targets.items():
            value = self.meaning[name].kind.value_at(column, index)
            if value is not None:
                found[name] = value
        return Sample(self.images[index], self.ids[index], found, meaning=self.meaning)

    def strata(self) -> Sequence[Hashable] | None:
        """The labels, of all targets that have one per sample."""
        strata = [self.meaning[n].kind.strata(column) for n, column in self.targets.items()]
        return list(zip(*(values for values in strata if values is not None), strict=True)) or None

    def some(self, rows: Sequence[int]) -> "ArraySource":
        """The samples of these numbers, in their order."""
        ids = [self.ids[row] for row in rows]
        columns = {n: self.meaning[n].kind.take(c, rows) for n, c in self.targets.items()}
        return ArraySource(self.images[rows], ids, columns, self.meaning)


class DataSet(ABC):
    """A data set as ``data=`` chooses it.

    Every implementation takes as keyword arguments the keys of its yaml (less ``_target_`` and the
    keys that the framework reads itself, see ``conf/data/README.md``), plus ``image_size``.
    """

    @property
    @abstractmethod
    def targets(self) -> Mapping[str, Target]:
        """What this data set can label, by target name; known after ``prepare``."""

    def prepare(self) -> None:  # noqa: B027 - most sets have nothing to prepare
        """Download, unpack or check, once per machine.

        Raises:
            UserError: files are missing; the message says which and what to do.
        """

    def look(self) -> None:  # noqa: B027 - of most sets prepare tells as soon
        """Refuse a folder that is none of this set's at a glance: by the names in it, in no time.

        A training is begun with it, before what trains is imported; ``prepare`` still comes.

        Raises:
            UserError: as that of ``prepare``.
        """

    def notes(self) -> Sequence[str]:
        """What the user should know of how the files were taken, a line each; after ``prepare``.

        What was not used and why, and what was decided without being asked for.
        """
        return ()

    def decided(self) -> Sequence[str]:
        """Where splits, classes and targets come from, a line each; after ``prepare``.

        Told by ``mtl inspect``; what nobody asked for is in ``notes``.
        """
        return ()

    def write_lists(self, overwrite: bool) -> Mapping[Path, int]:
        """Write down which sample is in which split, where later runs read it.

        Args:
            overwrite: whether lists that are there are replaced, and all samples split anew.

        Returns:
            The files written, and how many samples each lists.

        Raises:
            UserError: this data set takes none from here, or has some and may not overwrite them.
        """
        raise UserError(
            "mtl split: writes the lists that data=voc_folder reads; what other sets hold out by "
            "data.val_fraction and data.test_fraction is the same in every run without any"
        )

    def image(
        self, split: Split, sample: str, size: int | None = None
    ) -> npt.NDArray[np.uint8] | None:
        """One sample's image, found by its id; None where the split has no such sample.

        Here by going through the ids; a set that gets at one image sooner says how.

        Args:
            split: in which to look.
            sample: its id.
            size: see ``Source.read``.

        Returns:
            (H, W, 3) uint8 RGB.

        Raises:
            BadFile: the sample can't be read.
        """
        source = self.split(split)
        if source is None:
            return None
        place = next((place for place in range(len(source)) if source.id(place) == sample), None)
        return None if place is None else source.read(place, size).image

    def shares(self, source: Source) -> Shares | None:
        """How often training draws which samples of a split; None: each once an epoch.

        Args:
            source: what ``split`` gave, or some of its samples.
        """
        return None

    @abstractmethod
    def split(self, split: Split) -> Source | None:
        """That split, or None where the data set has none. Splits never share a sample."""
