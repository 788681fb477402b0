"""``data=nyuv2`` and ``data=cityscapes``: the arrays that MTAN (Liu et al., 2019) published.

``ROOT/{train,val}/image/N.npy`` and a folder beside ``image`` for each target, with files of equal
names. Papers measure on ``val``; here it is the test split, and some of ``train`` are held out as
val, so that nothing is chosen on what is measured.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl.data.array_file import why_no_array
from mtl.data.sample import IGNORE_PIXEL, Sample, Target, TargetValue
from mtl.data.sources.base import SPLITS, DataSet, Split
from mtl.data.sources.file_source import FileSource
from mtl.data.sources.hold_out import beside_test, check_fractions, held_out_notes
from mtl.errors import BadFile, UserError

Array = npt.NDArray[Any]
Read = Callable[[Path, Array], TargetValue]
"""A file's name and its array to a target's value."""
PUBLISHED: Mapping[Split, str] = {"train": "train", "test": "val"}
"""Split to the folder of its files."""


class ArrayFolder:
    """One folder of a published set.

    Args:
        folder: its name.
        target: what it labels.
        read: makes a value of a file's array.
    """

    def __init__(self, folder: str, target: Target, read: Read) -> None:
        self.folder = folder
        self.target = target
        self.read = read


class DenseArraySource(FileSource):
    """Some samples of a folder that holds ``image`` and a folder for each target.

    Args:
        folder: ``ROOT/train`` or ``ROOT/val``.
        names: of the files, without ending.
        layers: target name to where it is.
        key: what the layers' values depend on beside the files.
    """

    def __init__(
        self, folder: Path, names: Sequence[str], layers: Mapping[str, ArrayFolder], key: str
    ) -> None:
        self.folder = folder
        self.names = list(names)
        self.layers = dict(layers)
        self._key = key

    def __len__(self) -> int:
        return len(self.names)

    def id(self, index: int) -> str:
        """The image's path."""
        return str(self._file("image", index))

    def read(self, index: int, size: int | None = None) -> Sample:
        """The sample at ``index``; ``size`` changes nothing."""
        path = self._file("image", index)
        return Sample(_image(path, _loaded(path)), str(path), self.annotations(index))

    def annotations(self, index: int) -> Mapping[str, TargetValue]:
        """The targets whose file is there."""
        found = {}
        for name, layer in self.layers.items():
            path = self._file(layer.folder, index)
            if path.is_file():
                found[name] = layer.read(path, _loaded(path))
        return found

    def files(self, index: int) -> list[Path]:
        """The image's, and each target's."""
        folders = ["image", *(layer.folder for layer in self.layers.values())]
        return [self._file(folder, index) for folder in folders]

    def key(self) -> str:
        """The targets, and how they are read."""
        return f"{type(self).__qualname__}{sorted(self.layers)}{self._key}"

    def _file(self, folder: str, index: int) -> Path:
        return self.folder / folder / f"{self.names[index]}.npy"


class DenseArrays(DataSet):
    """A folder in MTAN's layout.

    Args:
        root: the folder that holds ``train`` and ``val``.
        layers: target name to where it is; one whose folder is missing is no target.
        val_fraction: part of ``train`` that is held out as val, 0 to below 1.
        split_seed: of the choice, a hash of the files' names.
        key: what the layers' values depend on beside the files.

    Raises:
        UserError: ``val_fraction`` is out of its range.
    """

    def __init__(
        self,
        root: str,
        layers: Mapping[str, ArrayFolder],
        val_fraction: float,
        split_seed: int,
        key: str,
    ) -> None:
        check_fractions(val=val_fraction)
        self.root = Path(root)
        self.layers = dict(layers)
        self.fractions: dict[Split, float] = {"val": val_fraction} if val_fraction else {}
        self.split_seed = split_seed
        self._key = key

    def prepare(self) -> None:
        """List the files.

        Raises:
            UserError: there are no images or no targets.
        """
        _ = self._splits, self._there

    @property
    def targets(self) -> Mapping[str, Target]:
        """Those whose folder is there."""
        return {name: layer.target for name, layer in self._there.items()}

    def decided(self) -> Sequence[str]:
        """The folders of the splits."""
        return [f"train: {self.root / 'train'}", f"test: {self.root / 'val'}, as papers measure"]

    def notes(self) -> Sequence[str]:
        """What is held out, and what has no folder."""
        splits = [split for split in SPLITS[:2] for _ in self._splits[split]]
        said = held_out_notes(splits, self.fractions, None)
        absent = [layer.folder for name, layer in self.layers.items() if name not in self._there]
        if absent:
            said.append(f"{self.root / 'train'} has no folder {', '.join(absent)}")
        return said

    def split(self, split: Split) -> DenseArraySource | None:
        """That split, or None where it has no files."""
        names = self._splits[split]
        folder = self.root / PUBLISHED["test" if split == "test" else "train"]
        return DenseArraySource(folder, names, self._there, self._key) if names else None

    @cached_property
    def _there(self) -> dict[str, ArrayFolder]:
        train = self.root / "train"
        found = {n: layer for n, layer in self.layers.items() if (train / layer.folder).is_dir()}
        if not found:
            folders = ", ".join(layer.folder for layer in self.layers.values())
            raise UserError(f"{train} has none of the folders {folders} beside image")
        return found

    @cached_property
    def _splits(self) -> Mapping[Split, list[str]]:
        train, test = map(self._names, PUBLISHED.values())
        if not train:
            raise UserError(
                f"{self.root} holds no train/image/0.npy and so on; data.root is the folder that "
                "holds train and val"
            )
        return beside_test(train, test, self.fractions, self.split_seed)

    def _names(self, folder: str) -> list[str]:
        """Of the images, by their numbers."""
        names = [path.stem for path in (self.root / folder / "image").glob("*.npy")]
        return sorted(names, key=lambda name: (len(name), name))


def _loaded(path: Path) -> Array:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise BadFile(path, f"is no readable .npy file: {why_no_array(error)}") from error


def _image(path: Path, values: Array) -> npt.NDArray[np.uint8]:
    if values.ndim != 3 or values.shape[2] != 3 or not values.size:
        raise BadFile(path, f"is of shape {values.shape}, no picture (H, W, 3)")
    if values.dtype == np.uint8:
        return np.asarray(values, np.uint8)
    low, high = values.min(), values.max()
    if not 0 <= low <= high <= 1:
        raise BadFile(path, f"holds values from {low:.4g} to {high:.4g}, no colours in 0..1")
    return np.asarray(np.rint(values * 255), np.uint8)


def classes_of(path: Path, values: Array, count: int) -> npt.NDArray[np.uint8]:
    """Class indices (H, W), unknown where the file says -1 (or 255).

    Raises:
        BadFile: the array is of another shape, or holds other numbers.
    """
    if values.ndim != 2:
        raise BadFile(path, f"is of shape {values.shape}, no map of classes (H, W)")
    unknown = (values == -1) | (values == IGNORE_PIXEL)
    known = values[~unknown]
    wrong = known[(known != np.rint(known)) | (known < 0) | (known >= count)]
    if wrong.size:
        raise BadFile(path, f"holds {wrong[0]:g}; allowed are 0 to {count - 1}, and -1 for unknown")
    return np.asarray(np.where(unknown, IGNORE_PIXEL, values), np.uint8)


def depth_of(path: Path, values: Array) -> npt.NDArray[np.float32]:
    """Depths (H, W), unknown where the file says 0 or less.

    Raises:
        BadFile: the array is of another shape.
    """
    flat = values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values
    if flat.ndim != 2:
        raise BadFile(path, f"is of shape {values.shape}, no map of depths (H, W, 1)")
    return np.where(flat > 0, flat, np.nan).astype(np.float32)


def normals_of(path: Path, values: Array, signs: Sequence[float]) -> npt.NDArray[np.float32]:
    """Unit vectors (H, W, 3), unknown where the file says zeros.

    Args:
        path: of the file.
        values: its array, whose vectors have lost some of their length where they were resized.
        signs: that turn the file's axes right, down and towards the camera.

    Raises:
        BadFile: the array is of another shape.
    """
    if values.ndim != 3 or values.shape[2] != 3:
        raise BadFile(path, f"is of shape {values.shape}, no map of normals (H, W, 3)")
    length = np.linalg.norm(values, axis=2, keepdims=True)
    known = length > 0
    vectors = values * np.asarray(signs) / np.where(known, length, 1)
    return np.where(known, vectors, np.nan).astype(np.float32)
