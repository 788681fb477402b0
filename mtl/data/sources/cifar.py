"""CIFAR-10, CIFAR-100 whole and by its groups, and both sets through one network.

The sets are from Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mtl.data.sample import IGNORE_LABEL, Target
from mtl.data.sources.base import ArraySource, DataSet, Split
from mtl.data.sources.cifar_files import CifarFolder
from mtl.errors import UserError


@dataclass(frozen=True)
class _Part:
    """Some images of one set with their ids and label columns."""

    images: npt.NDArray[np.uint8]
    ids: npt.NDArray[np.str_]
    labels: Mapping[str, npt.NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> "_Part":
        labels = {name: column[rows] for name, column in self.labels.items()}
        return _Part(self.images[rows], self.ids[rows], labels)


class _Cifar(DataSet):
    """What the three have in common.

    ``train`` is the published training part less what is held out as ``val``; ``test`` is the
    published test part.

    Args:
        folders: name of each set (the beginning of its ids) to its files.
        columns: target name to the set's name and its label column.
        image_size: the images stay as they are; resizing to this is the preprocessing's work.
        download: fetch missing files.
        verify: refuse files that differ from the published ones.
        val_fraction: part of the training images that is held out as ``val``, 0 up to below 1.
        split_seed: decides which ones.

    Raises:
        UserError: ``val_fraction`` is out of its range.
    """

    def __init__(
        self,
        folders: Mapping[str, CifarFolder],
        columns: Mapping[str, tuple[str, str]],
        *,
        image_size: int,
        download: bool,
        verify: bool,
        val_fraction: float,
        split_seed: int,
    ) -> None:
        if not 0 <= val_fraction < 1:
            raise UserError(f"data.val_fraction={val_fraction}: allowed is 0 up to below 1")
        self.folders = folders
        self.columns = columns
        self.image_size = image_size
        self.download = download
        self.verify = verify
        self.val_fraction = val_fraction
        self.split_seed = split_seed

    def prepare(self) -> None:
        """Download where asked for, and check the files.

        Raises:
            UserError: a file is missing or, with ``verify``, not the published one.
        """
        for folder in self.folders.values():
            folder.prepare(self.download, self.verify)

    @property
    def targets(self) -> Mapping[str, Target]:
        """Target name to the class names in the meta files."""
        return self._targets

    @cached_property
    def _targets(self) -> Mapping[str, Target]:
        return {
            target: Target("label", self.folders[name].classes()[column])
            for target, (name, column) in self.columns.items()
        }

    def split(self, split: Split) -> ArraySource | None:
        """That split, in memory; None for ``val`` where nothing is held out.

        Raises:
            BadFile: a file can't be read, or what it says makes no sense.
        """
        return self._test if split == "test" else self._train_val[split]

    @cached_property
    def _test(self) -> ArraySource:
        return self._source({name: self._part(name, train=False) for name in self.folders})

    @cached_property
    def _train_val(self) -> Mapping[Split, ArraySource | None]:
        train, val = {}, {}
        for name in self.folders:
            part = self._part(name, train=True)
            order = np.random.default_rng(self.split_seed).permutation(len(part))
            held_out = round(len(part) * self.val_fraction)
            val[name] = part[np.sort(order[:held_out])]
            train[name] = part[np.sort(order[held_out:])]
        some = any(len(part) for part in val.values())
        return {"train": self._source(train), "val": self._source(val) if some else None}

    def _part(self, name: str, train: bool) -> _Part:
        images, labels = self.folders[name].read(train)
        prefix = "/".join(filter(None, [name, "train" if train else "test"]))
        return _Part(images, np.array([f"{prefix}/{i}" for i in range(len(images))]), labels)

    def _source(self, parts: Mapping[str, _Part]) -> ArraySource:
        # Evenly mixed, so that the first N of a split hold some of each set.
        place = np.concatenate([(np.arange(len(p)) + 0.5) / max(1, len(p)) for p in parts.values()])
        order = np.argsort(place, kind="stable")
        columns = {}
        for target, (name, column) in self.columns.items():
            values = [
                p.labels[column] if n == name else np.full(len(p), IGNORE_LABEL, np.int64)
                for n, p in parts.items()
            ]
            columns[target] = np.concatenate(values)[order]
        images = np.concatenate([p.images for p in parts.values()])[order]
        ids = np.concatenate([p.ids for p in parts.values()])[order]
        return ArraySource(images, ids.tolist(), columns, self.targets)


class Cifar10(_Cifar):
    """60,000 photographs of 32 x 32 pixels in ten classes: target ``label``.

    Copies that hold fewer images are taken as they are. See ``_Cifar`` for the other arguments.

    Args:
        root: folder that holds ``cifar-10-batches-py``.
    """

    def __init__(
        self,
        *,
        root: str,
        image_size: int,
        download: bool = False,
        verify: bool = True,
        val_fraction: float = 0.1,
        split_seed: int = 0,
    ) -> None:
        super().__init__(
            {"": CifarFolder.cifar10(root)},
            {"label": ("", "label")},
            image_size=image_size,
            download=download,
            verify=verify,
            val_fraction=val_fraction,
            split_seed=split_seed,
        )


class Cifar100(_Cifar):
    """The same with a hundred classes (target ``fine``) in twenty groups (target ``coarse``).

    Args:
        root: folder that holds ``cifar-100-python``.
    """

    def __init__(
        self,
        *,
        root: str,
        image_size: int,
        download: bool = False,
        verify: bool = True,
        val_fraction: float = 0.1,
        split_seed: int = 0,
    ) -> None:
        super().__init__(
            {"": CifarFolder.cifar100(root)},
            {"fine": ("", "fine"), "coarse": ("", "coarse")},
            image_size=image_size,
            download=download,
            verify=verify,
            val_fraction=val_fraction,
            split_seed=split_seed,
        )


class Cifar100By20(Cifar100):
    """Each of the twenty groups is a task (Rosenbaum et al., 2018), with the classes in it.

    Targets are called by the groups, with ``_`` for ``-``; an image is labelled for its own group's
    alone. See ``Cifar100`` for the arguments.
    """

    @cached_property
    def _targets(self) -> Mapping[str, Target]:
        fine = self.folders[""].classes()["fine"]
        return {
            name: Target("label", [fine[index] for index in members])
            for name, members in self._members.items()
        }

    @cached_property
    def _members(self) -> Mapping[str, list[int]]:
        """Group to the fine classes in it, in their order."""
        labels = [self.folders[""].read(train)[1] for train in (True, False)]
        pairs = {
            pair
            for part in labels
            for pair in zip(part["coarse"].tolist(), part["fine"].tolist(), strict=True)
        }
        return {
            name.replace("-", "_"): sorted(fine for coarse, fine in pairs if coarse == index)
            for index, name in enumerate(self.folders[""].classes()["coarse"])
        }

    def _source(self, parts: Mapping[str, _Part]) -> ArraySource:
        (part,) = parts.values()
        columns = {}
        for name, members in self._members.items():
            table = np.full(len(self.folders[""].classes()["fine"]), IGNORE_LABEL, np.int64)
            table[members] = np.arange(len(members))
            columns[name] = table[part.labels["fine"]]
        return ArraySource(part.images, part.ids.tolist(), columns, self.targets)


class Cifar10And100(_Cifar):
    """Both sets at once, each image labelled for its own task: targets ``cifar10``, ``cifar100``.

    Args:
        root: folder that holds ``cifar-10-batches-py``.
        root100: folder that holds ``cifar-100-python``.
    """

    def __init__(
        self,
        *,
        root: str,
        root100: str,
        image_size: int,
        download: bool = False,
        verify: bool = True,
        val_fraction: float = 0.1,
        split_seed: int = 0,
    ) -> None:
        super().__init__(
            {
                "cifar10": CifarFolder.cifar10(root),
                "cifar100": CifarFolder.cifar100(root100, "data.root100"),
            },
            {"cifar10": ("cifar10", "label"), "cifar100": ("cifar100", "fine")},
            image_size=image_size,
            download=download,
            verify=verify,
            val_fraction=val_fraction,
            split_seed=split_seed,
        )
