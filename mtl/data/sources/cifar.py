"""CIFAR-10, CIFAR-100 whole and by its groups, and both sets through one network.

The sets are from Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import cast

import numpy as np
import numpy.typing as npt

from mtl.data.sample import IGNORE_LABEL, Target
from mtl.data.sources.base import ArraySource, DataSet, Split
from mtl.data.sources.cifar_files import CifarFolder
from mtl.data.sources.mixed import Mixed
from mtl.errors import UserError

Labels = Mapping[str, npt.NDArray[np.int64]]
"""Columns by their names."""


class _Cifar(DataSet):
    """What the sets have in common.

    ``train`` is the published training part less what is held out as ``val``; ``test`` is the
    published test part.

    Args:
        folder: the files.
        columns: the label columns that are targets.
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
        folder: CifarFolder,
        columns: Sequence[str],
        *,
        image_size: int,
        download: bool,
        verify: bool,
        val_fraction: float,
        split_seed: int,
    ) -> None:
        if not 0 <= val_fraction < 1:
            raise UserError(f"data.val_fraction={val_fraction}: allowed is 0 up to below 1")
        self.folder = folder
        self.columns = tuple(columns)
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
        self.folder.prepare(self.download, self.verify)

    @property
    def targets(self) -> Mapping[str, Target]:
        """Target name to the class names in the meta files."""
        return self._targets

    @cached_property
    def _targets(self) -> Mapping[str, Target]:
        classes = self.folder.classes()
        return {column: Target("label", classes[column]) for column in self.columns}

    def split(self, split: Split) -> ArraySource | None:
        """That split, in memory; None for ``val`` where nothing is held out.

        Raises:
            BadFile: a file can't be read, or what it says makes no sense.
        """
        return self._test if split == "test" else self._train_val[split]

    @cached_property
    def _test(self) -> ArraySource:
        images, labels = self.folder.read(train=False)
        return self._source("test", images, labels, np.arange(len(images)))

    @cached_property
    def _train_val(self) -> Mapping[Split, ArraySource | None]:
        images, labels = self.folder.read(train=True)
        order = np.random.default_rng(self.split_seed).permutation(len(images))
        held_out = round(len(images) * self.val_fraction)
        val = self._source("train", images, labels, np.sort(order[:held_out]))
        train = self._source("train", images, labels, np.sort(order[held_out:]))
        return {"train": train, "val": val if len(val) else None}

    def _source(
        self, part: str, images: npt.NDArray[np.uint8], labels: Labels, rows: npt.NDArray[np.int64]
    ) -> ArraySource:
        columns = self._label_columns({name: column[rows] for name, column in labels.items()})
        ids = [f"{part}/{row}" for row in rows]
        return ArraySource(images[rows], ids, columns, self.targets)

    def _label_columns(self, labels: Labels) -> Labels:
        """Target to its column."""
        return {target: labels[target] for target in self.columns}


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
            CifarFolder.cifar10(root),
            ["label"],
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
            CifarFolder.cifar100(root),
            ["fine", "coarse"],
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
        fine = self.folder.classes()["fine"]
        return {
            name: Target("label", [fine[index] for index in members])
            for name, members in self._members.items()
        }

    @cached_property
    def _members(self) -> Mapping[str, list[int]]:
        """Group to the fine classes in it, in their order."""
        labels = [self.folder.read(train)[1] for train in (True, False)]
        pairs = {
            pair
            for part in labels
            for pair in zip(part["coarse"].tolist(), part["fine"].tolist(), strict=True)
        }
        return {
            name.replace("-", "_"): sorted(fine for coarse, fine in pairs if coarse == index)
            for index, name in enumerate(self.folder.classes()["coarse"])
        }

    def _label_columns(self, labels: Labels) -> Labels:
        columns = {}
        for name, members in self._members.items():
            table = np.full(len(self.folder.classes()["fine"]), IGNORE_LABEL, np.int64)
            table[members] = np.arange(len(members))
            columns[name] = table[labels["fine"]]
        return columns


class Cifar10And100(Mixed):
    """Both sets at once, each image labelled for its own task: targets ``cifar10``, ``cifar100``.

    The groups of CIFAR-100 are there too, as ``cifar100.coarse``. See ``Cifar10`` for the other
    arguments.

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
        options = {
            "download": download,
            "verify": verify,
            "val_fraction": val_fraction,
            "split_seed": split_seed,
        }
        roots = {Cifar10: ("cifar10", root), Cifar100: ("cifar100", root100)}
        super().__init__(
            sets={
                name: {"_target_": f"{__name__}.{made.__name__}", "root": folder, **options}
                for made, (name, folder) in roots.items()
            },
            merge={"cifar10": ["cifar10.label"], "cifar100": ["cifar100.fine"]},
            sampling="proportional",
            temperature=1.0,
            shares=None,
            batches="mixed",
            only=None,
            image_size=image_size,
        )
        cast(Cifar100, self.sets["cifar100"]).folder.key = "data.root100"
