"""``data=image_folder``: images sorted into one folder per class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from mtl.data.image_file import IMAGE_SUFFIXES
from mtl.data.image_format import PICTURE_SUFFIXES
from mtl.data.sample import Target
from mtl.data.sources.base import SPLITS, DataSet, Split
from mtl.data.sources.class_folders import ClassFolderSource, Item
from mtl.data.sources.folder_files import files_below, folders_in, split_of, walk
from mtl.data.sources.hold_out import check_enough, check_fractions, held_out_notes, hold_out
from mtl.data.sources.picture_names import SplitBy, picture_names
from mtl.errors import UserError
from mtl.files import printable
from mtl.words import agreeing, counted

VOC_FOLDERS = frozenset({"annotations", "imagesets", "segmentationclass"})


class ImageFolder(DataSet):
    """A folder ``root/CLASS/*`` or ``root/{train,val,test}/CLASS/*``; the only target is ``label``.

    Folders inside a class's folder and links are followed; hidden files and folders are not looked
    at. Splits may be called otherwise (``valid``, ``Test``, ``training_set``).

    Args:
        root: the folder.
        image_size: not needed, since sources are told at each reading.
        val_fraction: share of each class's training images held out as ``val`` where there is no
            folder ``val``, 0 to below 1; by a hash of their paths, so that adding images moves none
            once a class has some.
        test_fraction: likewise for ``test``.
        split_seed: of the hash.
        split_by: what is hashed, see ``picture_names``.

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
        split_by: SplitBy = "path",
    ) -> None:
        del image_size
        check_fractions(val=val_fraction, test=test_fraction)
        self.root = Path(root)
        self.fractions: dict[Split, float] = {"test": test_fraction, "val": val_fraction}
        self.split_seed = split_seed
        self.split_by = split_by

    def prepare(self) -> None:
        """List the folder.

        Raises:
            UserError: it is missing or empty, or the classes differ between the splits.
        """
        _ = self._splits

    def look(self) -> None:
        """See that there are folders of classes."""
        _ = self._classes

    @property
    def targets(self) -> Mapping[str, Target]:
        """``label``; its classes are the sorted names of the folders."""
        return {"label": Target("label", tuple(map(printable, self._classes)))}

    def split(self, split: Split) -> ClassFolderSource | None:
        """That split, or None where it is neither a folder nor held out."""
        items = self._splits.get(split)
        return None if items is None else ClassFolderSource(items, self._classes)

    def write_lists(self, overwrite: bool) -> Mapping[Path, int]:
        """Refused: folders tell the splits, or else a hash does, in every run alike."""
        raise UserError(
            "mtl split: data=image_folder reads folders and no lists; data.val_fraction and "
            "data.test_fraction split alike in every run, or move images into train, val and test"
        )

    def decided(self) -> Sequence[str]:
        """The folders of the splits; classes are folders too."""
        splits = [f"{split}: {folder}" for split, folder in self._folders.items()]
        return [
            *map(printable, splits),
            f"classes: the names of the {counted(len(self._classes), 'folder')} in it, sorted",
            "targets: label, the folder that an image is in",
        ]

    def notes(self) -> Sequence[str]:
        """Splits under other names, folders and files that are not used, classes without image."""
        inside = folders_in(self.root)
        if self._folders["train"] == self.root:
            said = [
                f"{folder} is taken as a class, not as a split"
                for folder in inside
                if split_of(folder.name) is not None
            ]
        else:
            said = [
                f"{folder} is taken as {split}"
                for split, folder in self._folders.items()
                if folder.name != split
            ]
            rest = [folder.name for folder in inside if folder not in self._folders.values()]
            if rest:
                said.append(f"{self.root}: not used, being no split: {', '.join(rest)}")
        for split, folder in self._folders.items():
            for name, files in self._files[split].items():
                others = [path for path in files if not _is_image(path)]
                if len(others) == len(files):
                    said.append(f"the class {name} has no image in {folder}")
                if others:
                    endings = sorted({path.suffix or path.name for path in others})
                    said.append(
                        f"{folder / name}: not read, being no images: "
                        f"{counted(len(others), 'file')} ({', '.join(endings[:5])})"
                    )
        loose = sum(map(_is_image, self.root.iterdir()))
        if loose:
            images = f"{counted(loose, 'image')} {agreeing(loose, 'is', 'are')}"
            said.append(f"{self.root}: {images} in no class folder and not used")
        splits, moving = self._held_out
        which = f" of {', '.join(moving[:5])}" + ", ..." * (len(moving) > 5) if moving else None
        said += held_out_notes(splits, self._asked, which)
        return [printable(line) for line in said]

    @cached_property
    def _folders(self) -> dict[Split, Path]:
        if not self.root.is_dir():
            raise UserError(f"the folder {self.root} does not exist; set data.root=")
        refuse_other_layouts(self.root)
        return split_folders(self.root)

    @cached_property
    def _classes(self) -> tuple[str, ...]:
        train = self._folders["train"]
        classes = _names(train)
        if not classes:
            raise UserError(f"{train} has no folders; put the images of each class into one")
        for split, folder in self._folders.items():
            odd = sorted(set(_names(folder)) ^ set(classes))
            if odd:
                raise UserError(
                    f"the class {odd[0]!r} is in only one of {train} and {folder}; "
                    f"train and {split} must have the same class folders"
                )
        return classes

    @cached_property
    def _files(self) -> dict[Split, dict[str, list[Path]]]:
        return {
            split: {name: files_below(folder / name) for name in self._classes}
            for split, folder in self._folders.items()
        }

    @cached_property
    def _items(self) -> dict[Split, list[Item]]:
        """The images of each folder, before any are held out."""
        found = {
            split: [
                (path, "label", label)
                for label, files in enumerate(of_class.values())
                for path in files
                if _is_image(path)
            ]
            for split, of_class in self._files.items()
        }
        if not found["train"]:
            endings = ", ".join(PICTURE_SUFFIXES)
            raise UserError(f"{self._folders['train']} has no image ({endings})")
        return found

    @property
    def _asked(self) -> dict[Split, float]:
        """The fractions of splits that have no folder."""
        return {s: f for s, f in self.fractions.items() if f > 0 and s not in self._folders}

    @cached_property
    def _held_out(self) -> tuple[list[Split], list[str]]:
        """The split of each image that may train, and the classes whose images may move."""
        items = self._items["train"]
        check_enough(len(items), self._asked)
        splits: list[Split] = []
        moving = []
        # Class by class, so that a rare class is in every split.
        for label, name in enumerate(self._classes):
            paths = [path for path, _, its in items if its == label]
            if self.split_by == "path":
                names = picture_names(paths, self.root)
            else:
                names = [path.relative_to(self.root).with_suffix("").as_posix() for path in paths]
            found, settled = hold_out(names, self._asked, self.split_seed)
            splits += found
            moving += [] if settled else [name]
        return splits, moving

    @cached_property
    def _splits(self) -> dict[Split, list[Item]]:
        found = dict(self._items)
        for split in ("train", *self._asked):
            pairs = zip(self._items["train"], self._held_out[0], strict=True)
            found[split] = [item for item, there in pairs if there == split]
        return found


def refuse_other_layouts(root: Path) -> None:
    """Look for images beside their annotations, here or one further inside.

    Raises:
        UserError: there are some.
    """
    for folder in (root, *folders_in(root)):
        if looks_like_voc(folder):
            raise UserError(
                f"{folder} is in VOC layout and has no folder per class: write data=voc_folder "
                f"data.root={folder}"
            )
        if (beside := labels_beside(folder)) is not None:
            raise UserError(
                f"{folder} holds images and {beside.name} and no folder per class; mtl inspect "
                f"data.root={folder} says what reads it"
            )


def labels_beside(folder: Path) -> Path | None:
    """The folder of labels beside one called ``images``, which is no class of images."""
    inside = {path.name.lower(): path for path in folders_in(folder)}
    beside = [inside[name] for name in ("labels", "annotations") if name in inside]
    # Arrays among labels are maps.
    pictured = beside and any(p.suffix.lower() in IMAGE_SUFFIXES for p in walk(beside[0]))
    if "images" not in inside or not beside or pictured:
        return None
    return beside[0]


def looks_like_voc(root: Path) -> bool:
    """Whether a folder is in VOC layout, by the names of the folders in it."""
    inside = {path.name.lower() for path in folders_in(root)}
    return "jpegimages" in inside and bool(inside & VOC_FOLDERS)


def looks_like_image_folder(root: Path) -> bool:
    """Whether a folder, or one of a split in it, holds folders of images."""
    splits = (folder for folder in folders_in(root) if split_of(folder.name))
    return any(map(_holds_classes, (root, *splits)))


def split_folders(root: Path) -> dict[Split, Path]:
    """Which folders of ``root`` are splits; ``{"train": root}`` where it holds the classes.

    A split holds class folders, so a class may be called ``train`` beside others.

    Raises:
        UserError: folders look like splits, but one for training is missing, two mean the same
            one, or they hold no class folders.
    """
    inside = folders_in(root)
    named = [(split, folder) for folder in inside if (split := split_of(folder.name)) is not None]
    others = [folder for folder in inside if split_of(folder.name) is None]
    splits = [(split, folder) for split, folder in named if _holds_classes(folder)]
    if len(splits) < 2 and any(map(_has_images, others)):
        return {"train": root}
    if named and not others and not splits and any(map(_has_images, inside)):
        raise UserError(
            f"{root}: {_listed(named)} look like splits, but hold images and no class folders; put "
            "the images of each class into a folder of its own"
        )
    if not splits and others:
        return {"train": root}
    if not others:
        # A split may be empty; images without class folders are nobody's.
        splits = [(split, folder) for split, folder in named if not _has_images(folder)]
    found: dict[Split, Path] = {}
    for split, folder in splits:
        if split in found:
            raise UserError(
                f"{root}: both {found[split].name} and {folder.name} look like the {split} split; "
                "rename or move one"
            )
        found[split] = folder
    if not found:
        return {"train": root}
    if "train" not in found:
        raise UserError(
            f"{root}: {_listed(named)} look like splits, but none is for training; call it train"
        )
    return {split: found[split] for split in SPLITS if split in found}


def _listed(named: Iterable[tuple[Split, Path]]) -> str:
    return "the folders " + ", ".join(folder.name for _, folder in named)


def _holds_classes(folder: Path) -> bool:
    """Whether it has folders with images, and no image itself."""
    return not _has_images(folder) and any(
        any(map(_is_image, walk(inner))) for inner in folders_in(folder)
    )


def _has_images(folder: Path) -> bool:
    return any(_is_image(path) for path in folder.iterdir() if path.name[0] != ".")


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES


def _names(folder: Path) -> tuple[str, ...]:
    return tuple(path.name for path in folders_in(folder))
