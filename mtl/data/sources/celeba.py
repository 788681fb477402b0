"""``data=celeba``: faces with forty attributes (Liu et al., 2015)."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mtl.data.image_file import read_image
from mtl.data.sample import Sample, Target
from mtl.data.sources.base import SPLITS, DataSet, Split
from mtl.data.sources.file_source import FileSource
from mtl.data.sources.text_file import lines, read_bytes
from mtl.errors import BadFile, UserError
from mtl.words import counted

ATTRIBUTES = "list_attr_celeba.txt"
PARTITION = "list_eval_partition.txt"
IMAGES = "img_align_celeba"
ALL = "attributes"
"""The target that has all of them."""


class FaceSource(FileSource):
    """One split.

    Args:
        folder: with the images.
        files: their names in it.
        names: of the attributes.
        values: (N, 40) int8, 1 for those that a face has.
    """

    def __init__(
        self,
        folder: Path,
        files: Sequence[str],
        names: tuple[str, ...],
        values: npt.NDArray[np.int8],
    ) -> None:
        self.folder = folder
        self.names = names
        self.values = values
        self._files = list(files)

    def __len__(self) -> int:
        return len(self._files)

    def id(self, index: int) -> str:
        """The image's path."""
        return str(self.folder / self._files[index])

    def read(self, index: int, size: int | None = None) -> Sample:
        """The sample at ``index``; see ``Source.read``."""
        path = self.folder / self._files[index]
        image, full = read_image(path, size)
        return Sample(image, str(path), self.annotations(index), full)

    def annotations(self, index: int) -> Mapping[str, object]:
        """Each attribute by its name, and all of them."""
        values = self.values[index]
        return {ALL: values, **dict(zip(self.names, values.tolist(), strict=True))}

    def files(self, index: int) -> list[Path]:
        """The image."""
        return [self.folder / self._files[index]]

    def key(self) -> str:
        """The attributes: another list may say otherwise of the same images."""
        digest = hashlib.sha256(self.values.tobytes()).hexdigest()
        return f"{type(self).__qualname__}{self.names}{digest}"


class CelebA(DataSet):
    """The published folder: each attribute is a target of kind label, of the classes no and yes.

    ``attributes`` has all of them as one target of kind labels.

    Args:
        root: the folder that holds the two lists and ``img_align_celeba``.
        image_size: not needed, since sources are told at each reading.
    """

    def __init__(self, *, root: str, image_size: int) -> None:
        del image_size
        self.root = Path(root)

    def prepare(self) -> None:
        """Read the lists.

        Raises:
            UserError: a list or the folder of images is missing.
            BadFile: a list is not what it should be.
        """
        if not (self.root / IMAGES).is_dir():
            raise UserError(f"{self.root / IMAGES}: no such folder; it holds CelebA's images")
        _ = self._splits

    @property
    def targets(self) -> Mapping[str, Target]:
        """The attributes of the list."""
        names = self._listed[0]
        each = {name: Target("label", ("no", "yes")) for name in names}
        return {ALL: Target("labels", names), **each}

    def decided(self) -> Sequence[str]:
        """Where splits and attributes are from."""
        return [f"splits: {self.root / PARTITION}", f"targets: {self.root / ATTRIBUTES}"]

    def split(self, split: Split) -> FaceSource | None:
        """That split, or None where the list has no image of it."""
        names, files, values = self._listed
        rows = np.flatnonzero(self._splits == SPLITS.index(split))
        chosen = [files[row] for row in rows.tolist()]
        return FaceSource(self.root / IMAGES, chosen, names, values[rows]) if chosen else None

    @cached_property
    def _listed(self) -> tuple[tuple[str, ...], list[str], npt.NDArray[np.int8]]:
        """Attributes, files, and (N, 40) values."""
        path = self.root / ATTRIBUTES
        rows = self._rows(ATTRIBUTES)
        if len(rows) < 3:
            raise BadFile(path, "has no line with the number of images, with names, or of an image")
        # A key of a configuration can't begin with a digit, as 5_o_Clock_Shadow does.
        names = tuple(name.replace("5_o_Clock", "Five_o_Clock") for name in rows[1].split())
        fields = [row.split() for row in rows[2:]]
        for number, found in enumerate(fields, 3):
            if len(found) != len(names) + 1 or not set(found[1:]) <= {"1", "-1"}:
                attributes = counted(len(names), "attribute")
                raise BadFile(
                    path, f"line {number}: wanted are a file and 1 or -1 for {attributes}"
                )
        values = np.array([[word == "1" for word in found[1:]] for found in fields], np.int8)
        return names, [found[0] for found in fields], values

    @cached_property
    def _splits(self) -> npt.NDArray[np.int64]:
        """(N,) the split's number of each image."""
        path = self.root / PARTITION
        said = {}
        for number, row in enumerate(self._rows(PARTITION), 1):
            found = row.split()
            if len(found) != 2 or found[1] not in ("0", "1", "2"):
                raise BadFile(path, f"line {number}: wanted are a file and 0, 1 or 2")
            said[found[0]] = int(found[1])
        absent = [file for file in self._listed[1] if file not in said]
        if absent:
            raise BadFile(path, f"says nothing of {absent[0]}, which {ATTRIBUTES} has")
        return np.array([said[file] for file in self._listed[1]], np.int64)

    def _rows(self, name: str) -> list[str]:
        path = self.root / name
        if not path.is_file():
            raise UserError(f"{path} is missing; it belongs to CelebA's annotations")
        return [row for row in lines(read_bytes(path).decode("utf-8", "replace")) if row.strip()]
