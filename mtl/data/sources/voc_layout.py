"""Where things lie in a folder of Pascal VOC's layout (Everingham et al., 2010)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from mtl.data.sources.base import SPLITS, Split
from mtl.data.sources.image_file import IMAGE_SUFFIXES
from mtl.errors import UserError


class VocLayout:
    """A folder with JPEGImages, ImageSets and, as far as there are any, Annotations and masks.

    Args:
        root: that folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def check(self) -> None:
        """Look whether the folder is one.

        Raises:
            UserError: it or its ImageSets folder is missing, or it has no list of training images.
        """
        if not self.root.is_dir():
            raise UserError(f"the folder {self.root} does not exist; set data.root=")
        for part in ("JPEGImages", "ImageSets"):
            if not (self.root / part).is_dir():
                raise UserError(
                    f"{self.root} has no folder {part}; set data.root= to a folder in VOC layout"
                )
        train = self.root / "ImageSets" / "Main" / "train.txt"
        if "train" not in self.listed:
            raise UserError(f"{train} does not exist; it must list the ids of the training images")
        if not self.listed["train"]:
            raise UserError(f"{train} lists no image")

    @property
    def has_annotations(self) -> bool:
        """Whether there is a folder of annotations."""
        return (self.root / "Annotations").is_dir()

    @property
    def has_masks(self) -> bool:
        """Whether there is a folder of masks."""
        return (self.root / "SegmentationClass").is_dir()

    def image(self, name: str) -> Path:
        """The image's file, which need not exist."""
        return self._images.get(name) or self.root / "JPEGImages" / f"{name}.jpg"

    def annotation(self, name: str) -> Path:
        """The annotation's file, which need not exist."""
        return self.root / "Annotations" / f"{name}.xml"

    def mask(self, name: str) -> Path:
        """The class mask's file, which need not exist."""
        return self.root / "SegmentationClass" / f"{name}.png"

    @cached_property
    def listed(self) -> dict[Split, list[str]]:
        """Image ids of the splits that have a list in ``ImageSets/Main`` or ``/Segmentation``.

        Main's ids come first, then those that only Segmentation lists.
        """
        found: dict[Split, list[str]] = {}
        for split in SPLITS:
            files = [
                file
                for kind in ("Main", "Segmentation")
                if (file := self.root / "ImageSets" / kind / f"{split}.txt").is_file()
            ]
            if files:
                found[split] = list(dict.fromkeys(name for file in files for name in _ids(file)))
        return found

    @cached_property
    def main(self) -> dict[str, Split]:
        """The split of each image that ``ImageSets/Main`` lists."""
        folder = self.root / "ImageSets" / "Main"
        return {
            name: split
            for split in SPLITS
            if (folder / f"{split}.txt").is_file()
            for name in _ids(folder / f"{split}.txt")
        }

    @cached_property
    def _images(self) -> dict[str, Path]:
        folder = self.root / "JPEGImages"
        if not folder.is_dir():
            return {}
        return {
            path.stem: path
            for path in sorted(folder.iterdir(), reverse=True)
            if path.suffix.lower() in IMAGE_SUFFIXES
        }


def _ids(file: Path) -> list[str]:
    """The first column of each line; per-class lists have a second one."""
    names = [line.split()[0] for line in file.read_text().splitlines() if line.strip()]
    refuse_outside(names, file)
    return names


def refuse_outside(names: Iterable[str], file: Path) -> None:
    """Look for ids that lead out of the folder.

    Raises:
        UserError: there is one.
    """
    for name in names:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise UserError(f"{file} lists {name!r}, which leads out of the folder")


def check_disjoint(lists: dict[Split, list[str]], root: Path) -> None:
    """Look for images in two splits.

    Raises:
        UserError: there are some; one is named.
    """
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        shared = set(lists.get(one, [])) & set(lists.get(other, []))  # type: ignore[call-overload]
        if shared:
            raise UserError(
                f"{root / 'ImageSets'} lists {min(shared)!r} in {one} and in {other} "
                f"({len(shared)} such images); an image may be in one split alone"
            )
