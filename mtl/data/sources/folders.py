"""``data=folders``: images and maps of their pixels in parallel folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal, Unpack

from mtl.data.image_format import ImageFormat, format_of
from mtl.data.sample import Sample, Target, TargetValue
from mtl.data.sources.base import DataSet, Split
from mtl.data.sources.file_source import FileSource
from mtl.data.sources.folders_layout import Listed, Pictured, folders_of, list_folders
from mtl.data.sources.hold_out import check_enough, check_fractions, held_out_notes, hold_out
from mtl.data.sources.map_files import MapFiles, MapOptions, Size, map_files
from mtl.data.sources.mask_classes import mask_classes, named_by
from mtl.data.sources.picture_names import SplitBy, picture_names
from mtl.errors import UserError
from mtl.files import printable
from mtl.words import agreeing, counted

OTHERWISE = "data.classes=[...]"
"""How a user names the classes of masks."""


class FoldersSource(FileSource):
    """Images with the maps that they have.

    Args:
        items: of this split.
        maps: how maps are read.
        images: how images are.
    """

    def __init__(self, items: Sequence[Pictured], maps: MapFiles, images: ImageFormat) -> None:
        self.items = list(items)
        self.maps = maps
        self.images = images

    def __len__(self) -> int:
        return len(self.items)

    def id(self, index: int) -> str:
        """The image's path."""
        return str(self.items[index].image)

    def read(self, index: int, size: int | None = None) -> Sample:
        """The sample at ``index``; see ``Source.read``."""
        path = self.items[index].image
        image, full = self.images.read(path, size)
        shown = (image.shape[1], image.shape[0])
        return Sample(image, str(path), self._targets(index, full, shown), full)

    def annotations(self, index: int) -> Mapping[str, object]:
        """The maps, without the image."""
        full = self.images.size(self.items[index].image)
        return self._targets(index, full, full)

    def files(self, index: int) -> list[Path]:
        """The image and its maps."""
        return [self.items[index].image, *self.items[index].maps.values()]

    def key(self) -> str:
        """How images and maps are read."""
        return f"{type(self).__qualname__}{self.maps.key()}{self.images.key()}"

    def _targets(self, index: int, full: Size, shown: Size) -> dict[str, TargetValue]:
        maps = self.items[index].maps.items()
        return {kind: self.maps.read(kind, path, full, shown) for kind, path in maps}


class Folders(DataSet):
    """A folder of images, and folders of masks, depths or normals with files of the same names.

    An image without a map lacks that target. Splits are folders around these, or in each of them;
    without any all images train, less what is held out.

    Args:
        root: the folder.
        image_size: not needed, since sources are told at each reading.
        folders: ``image`` and kinds to folders below root; None for those that are called like it.
        unlabelled: ``keep`` or ``drop``: what becomes of images without any map.
        classes: of masks, from value 1 on; None takes ``root/classes.txt``.
        val_fraction: share of the training images held out as ``val`` where no folder is val's, 0
            to below 1; by a hash of their names, so that adding images moves none.
        test_fraction: likewise for ``test``.
        split_seed: of the hash.
        split_by: what is hashed, see ``picture_names``.
        channels: of the images, see ``ImageFormat``.
        pixel_range: of their values, likewise.
        maps: how their files are read, see ``MapFiles``.

    Raises:
        UserError: an option is out of its range.
    """

    def __init__(
        self,
        *,
        root: str,
        image_size: int,
        folders: Mapping[str, str] | None = None,
        unlabelled: Literal["keep", "drop"] = "keep",
        classes: Sequence[str] | None = None,
        val_fraction: float = 0.2,
        test_fraction: float = 0.0,
        split_seed: int = 0,
        split_by: SplitBy = "path",
        channels: int = 3,
        pixel_range: Sequence[float] | None = None,
        **maps: Unpack[MapOptions],
    ) -> None:
        del image_size
        check_fractions(val=val_fraction, test=test_fraction)
        self.root = Path(root)
        self.given = dict(folders or {})
        self.dropping = unlabelled == "drop"
        self.chosen = tuple(map(str, classes or ()))
        self.map_options = maps
        self.fractions: dict[Split, float] = {"val": val_fraction, "test": test_fraction}
        self.split_seed = split_seed
        self.split_by = split_by
        self.images = format_of({"channels": channels, "pixel_range": pixel_range})

    def prepare(self) -> None:
        """List the folders.

        Raises:
            UserError: one is missing or empty, or nobody names the classes of masks.
        """
        _ = self._splits, self.targets

    def look(self) -> None:
        """See that there are folders of images and maps, and names of the classes of masks."""
        self._need_root()
        kinds = {kind for _, own in folders_of(self.root, self.given) for kind in own}
        if "mask" in kinds:
            _ = self._maps.names

    @property
    def targets(self) -> Mapping[str, Target]:
        """The kinds of which there is a folder; the classes of masks begin with the background."""
        kinds = [role for role in self._listed.folders if role != "image"]
        names = self._maps.names if "mask" in kinds else ()
        return {kind: Target(kind, names if kind == "mask" else ()) for kind in kinds}

    def split(self, split: Split) -> FoldersSource | None:
        """That split, or None where it has no image."""
        items = [
            item for item, own in zip(self._listed.items, self._splits, strict=True) if own == split
        ]
        return FoldersSource(items, self._maps, self.images) if items else None

    def decided(self) -> Sequence[str]:
        """The folders, and who names the classes of masks."""
        folders = self._listed.folders
        said = [f"{role}: {', '.join(map(str, own))}" for role, own in folders.items()]
        if "mask" in folders:
            said.append(named_by(self.root, "mask", self.chosen, self.map_options, OTHERWISE))
        return [printable(line) for line in said]

    def notes(self) -> Sequence[str]:
        """What was held out, maps without an image, and files of other formats."""
        said = [
            f"{counted(len(files), f'{kind} file')} {agreeing(len(files), 'is', 'are')} of no "
            f"image, such as {files[0]}"
            for kind, files in self._listed.left.items()
        ]
        for folder, files in self._listed.unread.items():
            endings = sorted({path.suffix or path.name for path in files})
            said.append(
                f"{folder}: not read, being of another format: {counted(len(files), 'file')} "
                f"({', '.join(endings[:5])})"
            )
        splits, settled = self._held_out
        said += held_out_notes(splits, self._asked, None if settled else "")
        return [printable(line) for line in said]

    def _need_root(self) -> None:
        if not self.root.is_dir():
            raise UserError(f"the folder {self.root} does not exist; set data.root=")

    @cached_property
    def _listed(self) -> Listed:
        self._need_root()
        found = list_folders(self.root, self.given)
        if not self.dropping:
            return found
        return replace(found, items=[item for item in found.items if item.maps])

    @cached_property
    def _maps(self) -> MapFiles:
        masks = (item.maps["mask"] for item in self._listed.items if "mask" in item.maps)
        names = mask_classes(self.root, self.chosen, self.map_options, masks, OTHERWISE)
        return map_files(names, self.map_options)

    @property
    def _asked(self) -> dict[Split, float]:
        """The fractions of splits that no folder is of."""
        told = {item.split for item in self._listed.items}
        return {s: f for s, f in self.fractions.items() if f > 0 and s not in told}

    @cached_property
    def _held_out(self) -> tuple[list[Split], bool]:
        """The split of each image that may train, and whether none of them ever moves."""
        items = [i for i in self._listed.items if i.split in (None, "train")]
        if not items:
            raise UserError(f"{self.root} has folders of splits, but none for training")
        check_enough(len(items), self._asked)
        if self.split_by == "path":
            names = picture_names([item.image for item in items], self.root)
        else:
            names = [item.name for item in items]
        return hold_out(names, self._asked, self.split_seed)

    @cached_property
    def _splits(self) -> list[Split]:
        """Of each image."""
        held = iter(self._held_out[0])
        return [
            next(held) if item.split in (None, "train") else item.split
            for item in self._listed.items
        ]
