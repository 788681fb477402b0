"""The two things a data set has to be: a maker of splits, and a split that hands out samples."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from mtl.data.sample import Boxes, Sample, Target, TargetValue
from mtl.errors import UserError

Column = npt.NDArray[Any] | Sequence[Boxes | None]
"""One target of all samples of an ArraySource."""

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
        images: (N, H, W, 3) uint8 RGB.
        ids: N names.
        targets: target name to a column of N values: (N,) int64 for ``label`` (IGNORE_LABEL where
            the sample lacks it), (N, C) int8 for ``labels``, a sequence of N Boxes (or None) for
            ``boxes``, (N, H, W) uint8 for ``mask``.
    """

    def __init__(
        self,
        images: npt.NDArray[np.uint8],
        ids: Sequence[str],
        targets: Mapping[str, Column],
    ) -> None:
        self.images = images
        self.ids = ids
        self.targets = targets

    def __len__(self) -> int:
        return len(self.images)

    def id(self, index: int) -> str:
        """The sample's id."""
        return self.ids[index]

    def read(self, index: int, size: int | None = None) -> Sample:
        """The sample at ``index``; ``size`` changes nothing, since nothing is decoded."""
        found: dict[str, TargetValue] = {}
        for name, column in self.targets.items():
            if isinstance(column, np.ndarray) and column.ndim == 1:
                if column[index] >= 0:
                    found[name] = int(column[index])
            elif column[index] is not None:
                found[name] = cast(TargetValue, column[index])
        return Sample(self.images[index], self.ids[index], found)

    def strata(self) -> Sequence[Hashable] | None:
        """The labels, of all targets that have one per sample."""
        columns = [
            column.tolist()
            for column in self.targets.values()
            if isinstance(column, np.ndarray) and column.ndim == 1
        ]
        return list(zip(*columns, strict=True)) or None


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
            UserError: this data set reads no lists, or has some and may not overwrite them.
        """
        raise UserError(f"mtl split: {type(self).__name__} reads no lists; data=voc_folder does")

    @abstractmethod
    def split(self, split: Split) -> Source | None:
        """That split, or None where the data set has none. Splits never share a sample."""
