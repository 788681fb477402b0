"""``data=image_folder``: images sorted into one folder per class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from mtl.data.sample import Sample, Target
from mtl.data.sources.base import SPLITS, DataSet, Split
from mtl.data.sources.file_source import FileSource
from mtl.data.sources.hold_out import check_fraction, hold_out
from mtl.data.sources.image_file import IMAGE_SUFFIXES, read_image
from mtl.errors import UserError

Item = tuple[Path, int]
"""An image's file and its class index."""


class ImageFolderSource(FileSource):
    """Samples with a ``label``.

    Args:
        items: files and class indices.
        classes: the names behind the indices.
    """

    def __init__(self, items: Sequence[Item], classes: tuple[str, ...]) -> None:
        self.items = list(items)
        self.classes = classes

    def __len__(self) -> int:
        return len(self.items)

    def id(self, index: int) -> str:
        """The image's path."""
        return str(self.items[index][0])

    def read(self, index: int, size: int | None = None) -> Sample:
        """The sample at ``index``; see ``Source.read``."""
        path, label = self.items[index]
        return Sample(read_image(path, size)[0], str(path), {"label": label})

    def annotations(self, index: int) -> Mapping[str, object]:
        """The label, which the folder's name tells."""
        return {"label": self.items[index][1]}

    def files(self, index: int) -> list[Path]:
        """The image."""
        return [self.items[index][0]]

    def key(self) -> str:
        """The classes."""
        return f"{type(self).__qualname__}{self.classes}"


class ImageFolder(DataSet):
    """A folder ``root/CLASS/*`` or ``root/{train,val,test}/CLASS/*``; the only target is ``label``.

    Args:
        root: the folder.
        image_size: not needed, since sources are told at each reading.
        val_fraction: share of each class's training images held out as ``val`` where there is no
            folder ``val``, 0 to below 1.
        test_fraction: likewise for ``test``.
        split_seed: of that choice.

    Raises:
        UserError: an option is out of its range.
    """

    def __init__(
        self,
        *,
        root: str,
        image_size: int,
        val_fraction: float = 0.2,
        test_fraction: float = 0.0,
        split_seed: int = 0,
    ) -> None:
        del image_size
        check_fraction("data.val_fraction", val_fraction)
        check_fraction("data.test_fraction", test_fraction)
        check_fraction("data.val_fraction + data.test_fraction", val_fraction + test_fraction)
        self.root = Path(root)
        self.fractions: dict[Split, float] = {"test": test_fraction, "val": val_fraction}
        self.split_seed = split_seed

    def prepare(self) -> None:
        """List the folder.

        Raises:
            UserError: it is missing or empty, or the classes differ between the splits.
        """
        _ = self._splits

    @property
    def targets(self) -> Mapping[str, Target]:
        """``label``; its classes are the sorted names of the folders."""
        return {"label": Target("label", self._classes)}

    def split(self, split: Split) -> ImageFolderSource | None:
        """That split, or None where it is neither a folder nor held out."""
        items = self._splits.get(split)
        return None if items is None else ImageFolderSource(items, self._classes)

    @cached_property
    def _folders(self) -> dict[Split, Path]:
        if not self.root.is_dir():
            raise UserError(f"the folder {self.root} does not exist; set data.root=")
        if not (self.root / "train").is_dir():
            return {"train": self.root}
        return {split: self.root / split for split in SPLITS if (self.root / split).is_dir()}

    @cached_property
    def _classes(self) -> tuple[str, ...]:
        train = self._folders["train"]
        classes = _class_folders(train)
        if not classes:
            raise UserError(f"{train} has no folders; put the images of each class into one")
        for split, folder in self._folders.items():
            odd = sorted(set(_class_folders(folder)) ^ set(classes))
            if odd:
                raise UserError(
                    f"the class {odd[0]!r} is in only one of {train} and {folder}; "
                    f"train and {split} must have the same class folders"
                )
        return classes

    @cached_property
    def _splits(self) -> dict[Split, list[Item]]:
        found = {
            split: [_images(folder / name, label) for label, name in enumerate(self._classes)]
            for split, folder in self._folders.items()
        }
        if not any(found["train"]):
            raise UserError(f"{self._folders['train']} has no image ({', '.join(IMAGE_SUFFIXES)})")
        whole = found["train"]
        for split, fraction in self.fractions.items():
            if split in found or fraction == 0:
                continue
            # Class by class, so that a rare class is in every split.
            parts = [
                hold_out(items, fraction * len(all_items) / len(items), self.split_seed)
                if len(items) > 1
                else (items, [])
                for items, all_items in zip(found["train"], whole, strict=True)
            ]
            found["train"] = [kept for kept, _ in parts]
            found[split] = [held for _, held in parts]
        return {
            split: [item for items in of_class for item in items]
            for split, of_class in found.items()
        }


def _class_folders(folder: Path) -> tuple[str, ...]:
    return tuple(
        sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    )


def _images(folder: Path, label: int) -> list[Item]:
    return [
        (path, label)
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != "."
    ]
