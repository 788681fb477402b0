"""Where things lie in a folder of Pascal VOC's layout (Everingham et al., 2010)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from mtl.data.image_file import IMAGE_SUFFIXES
from mtl.data.image_format import PICTURE_SUFFIXES
from mtl.data.sources.base import SPLITS, Split
from mtl.data.sources.folder_files import composed, files_below, folders_in, split_of
from mtl.data.sources.text_file import lines, read_bytes, readings
from mtl.errors import UserError
from mtl.files import printable
from mtl.words import counted

_FLAG = re.compile(r"\s+(-1|0|1)$")
"""The second column of the lists that there are for each class."""


class VocLayout:
    """A folder with JPEGImages, ImageSets and, as far as there are any, Annotations and masks.

    A sample's name is its image's path below JPEGImages without the ending. Upper and lower case
    of endings and of the folders' names make no difference.

    Args:
        root: that folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def check(self) -> None:
        """Look whether the folder is one, and read its lists.

        Raises:
            UserError: it or its JPEGImages folder is missing, or a list leads out of it.
        """
        if not self.root.is_dir():
            raise UserError(f"the folder {self.root} does not exist; set data.root=")
        if not self._part("JPEGImages").is_dir():
            raise UserError(
                f"{self.root} has no folder JPEGImages; set data.root= to a folder in VOC layout "
                "(data=image_folder reads a folder per class)"
            )
        _ = self.listed

    def check_train(self, hint: str = "") -> None:
        """Look for a list of training images.

        Args:
            hint: what else to do where there is none.

        Raises:
            UserError: there is none, or it lists no image.
        """
        train = self.lists_folder / "train.txt"
        if "train" not in self.listed:
            raise UserError(f"{train} does not exist; it must list the training images{hint}")
        if not self.listed["train"]:
            raise UserError(f"{train} lists no image")

    @property
    def lists_folder(self) -> Path:
        """Where the lists of the splits are, or would be."""
        return _inside(self._part("ImageSets"), "Main")

    @property
    def images(self) -> list[str]:
        """All images, sorted."""
        return list(self._images)

    @property
    def has_annotations(self) -> bool:
        """Whether there is a folder of annotations."""
        return self._part("Annotations").is_dir()

    @property
    def has_masks(self) -> bool:
        """Whether there is a folder of masks."""
        return self._part("SegmentationClass").is_dir()

    def image(self, name: str) -> Path:
        """The image's file, which need not exist."""
        return self._images.get(name) or self._part("JPEGImages") / f"{name}.jpg"

    def annotation(self, name: str) -> Path:
        """The annotation's file, which need not exist."""
        return self._beside(self._annotations, name) or self._part("Annotations") / f"{name}.xml"

    def mask(self, name: str) -> Path:
        """The class mask's file, which need not exist."""
        return self._beside(self._masks, name) or self._part("SegmentationClass") / f"{name}.png"

    @cached_property
    def listed(self) -> dict[Split, list[str]]:
        """Image ids of the splits that have a list in ``ImageSets/Main`` or ``/Segmentation``.

        Main's ids come first, then those that only Segmentation lists. Where there is no list of
        training images, ``trainval`` is one.
        """
        found: dict[Split, list[str]] = {}
        for split in SPLITS:
            files = [
                lists[split]
                for kind in ("Main", "Segmentation")
                if split in (lists := self.lists_in(kind))
            ]
            if files:
                found[split] = list(
                    dict.fromkeys(name for file in files for name in self._ids(file))
                )
        return found

    @cached_property
    def main(self) -> dict[str, Split]:
        """The split of each image that ``ImageSets/Main`` lists."""
        return {
            name: split for split, file in self.lists_in("Main").items() for name in self._ids(file)
        }

    def list_files(self, split: Split) -> list[Path]:
        """The lists that name a split's images."""
        found = (self.lists_in(kind).get(split) for kind in ("Main", "Segmentation"))
        return [file for file in found if file is not None]

    def unread(self) -> list[str]:
        """What is in the folders and belongs to no image, a line each."""
        said = []
        for part, files, suffixes in (
            ("JPEGImages", self._images, PICTURE_SUFFIXES),
            ("Annotations", self._annotations, (".xml",)),
            ("SegmentationClass", self._masks, IMAGE_SUFFIXES),
        ):
            folder = self._part(part)
            read, others, spare = set(files.values()), list[Path](), list[Path]()
            for path in files_below(folder) if folder.is_dir() else []:
                if path.suffix.lower() not in suffixes:
                    others.append(path)
                elif path not in read:
                    spare.append(path)
            if others:
                endings = sorted({path.suffix or path.name for path in others})
                what = f"being of another format: {len(others)} ({', '.join(endings[:5])})"
                said.append(f"{folder}: not read, {what}")
            if spare:
                what = f"having the name of another: {_some([path.name for path in spare])}"
                said.append(f"{folder}: not read, {what}")
            alone = [name for name in files if composed(name) not in self._names]
            if alone:
                said.append(f"{folder}: not read, belonging to no image: {_some(alone)}")
        return said

    @property
    def unlisted(self) -> list[str]:
        """Images that are in no list."""
        known = {name for names in self.listed.values() for name in names}
        return [name for name in self._images if name not in known]

    def list_bytes(self, names: Sequence[str]) -> bytes:
        """What a list of those images holds.

        Raises:
            UserError: reading it would not give the same images.
        """
        for name in names:
            if printable(name) != name or [self._known(line) for line in lines(name)] != [name]:
                raise UserError(
                    f"{printable(str(self.image(name)))}: the name can't be written in a list; "
                    "rename the image"
                )
        return "".join(f"{name}\n" for name in names).encode()

    def lists_in(self, kind: str) -> dict[Split, Path]:
        """The lists in one folder of ImageSets; ``train.txt`` goes before ``Training.txt``."""
        folder = _inside(self._part("ImageSets"), kind)
        if not folder.is_dir():
            return {}
        found: dict[Split, Path] = {}
        files = [path for path in folder.iterdir() if path.suffix.lower() == ".txt"]
        for path in sorted(files, key=lambda path: (path.stem not in SPLITS, path.stem)):
            split = split_of(path.stem)
            if split is not None:
                found.setdefault(split, path)
        whole = folder / "trainval.txt"
        if "train" not in found and "val" not in found and whole.is_file():
            found["train"] = whole
        return found

    def _ids(self, file: Path) -> list[str]:
        """The names that a list holds, in the reading of its bytes that finds most images."""
        tried = [
            [self._known(line) or _bare(line) for line in lines(text)]
            for text in readings(read_bytes(file))
        ]
        if not tried:
            raise UserError(f"{file}: is text in an unknown encoding; save it as UTF-8")
        best = max(tried, key=lambda names: sum(name in self._images for name in names))
        refuse_outside((name for name in best if name not in self._images), file)
        missing = next((name for name in best if name not in self._images), None)
        if len(tried) > 1 and missing is not None:
            raise UserError(
                f"{file}: is not UTF-8, and {printable(missing)} names no image; save it as UTF-8"
            )
        return best

    def _known(self, line: str) -> str | None:
        """The image that a line of a list names: by its path, with or without ending and flag."""
        for text in (line, _FLAG.sub("", line)):
            parts = [p for p in composed(text).replace("\\", "/").split("/") if p not in ("", ".")]
            inside = [place + 1 for place, p in enumerate(parts) if p.lower() == "jpegimages"]
            for start in (0, *inside):
                below = PurePosixPath(*parts[start:])
                for name in (str(below), _stem(below, (*PICTURE_SUFFIXES, ".xml"))):
                    if name in self._names:
                        return self._names[name]
        return None

    @cached_property
    def _names(self) -> dict[str, str]:
        """What a list may call an image, to the image's name.

        Its path without ending, with accents composed; its own name alone where no other image in
        a folder inside JPEGImages has it.
        """
        found = {composed(name): name for name in self._images}
        alone: dict[str, list[str]] = {}
        for name in self._images:
            alone.setdefault(composed(PurePosixPath(name).name), []).append(name)
        unique = {short: names[0] for short, names in alone.items() if len(names) == 1}
        return {**unique, **found}

    @cached_property
    def _images(self) -> dict[str, Path]:
        return _indexed(self._part("JPEGImages"), PICTURE_SUFFIXES)

    @cached_property
    def _annotations(self) -> dict[str, Path]:
        return _composed(_indexed(self._part("Annotations"), (".xml",)))

    @cached_property
    def _masks(self) -> dict[str, Path]:
        # A mask in a format that loses nothing goes before one that does; GIF's writers renumber.
        others = [suffix for suffix in IMAGE_SUFFIXES if suffix not in (".png", ".gif")]
        return _composed(_indexed(self._part("SegmentationClass"), (".png", *others)))

    def _beside(self, files: Mapping[str, Path], name: str) -> Path | None:
        """The file of the same path below its folder, or of the same name alone.

        Not of a name alone that several images have: it says nothing of which one it is.
        """
        whole = composed(name)
        alone = PurePosixPath(whole).name
        return files.get(whole) or (files.get(alone) if self._names.get(alone) == name else None)

    def _part(self, name: str) -> Path:
        return _inside(self.root, name)


def _some(names: Sequence[str]) -> str:
    """How many, and three of them."""
    return f"{len(names)} ({', '.join(names[:3])}{', ...' * (len(names) > 3)})"


def refuse_outside(names: Iterable[str], file: Path) -> None:
    """Look for ids that lead out of the folder.

    Raises:
        UserError: there is one.
    """
    for name in names:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise UserError(f"{file} lists {name!r}, which leads out of the folder")


def _inside(folder: Path, name: str) -> Path:
    """A folder by its name, however that is capitalised."""
    exact = folder / name
    if exact.is_dir() or not folder.is_dir():
        return exact
    return next((path for path in folders_in(folder) if path.name.lower() == name.lower()), exact)


def _indexed(folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """Path below a folder without ending, to file; of several the first by ending."""
    if not folder.is_dir():
        return {}
    rank = {suffix: place for place, suffix in enumerate(suffixes)}
    files = [path for path in files_below(folder) if path.suffix.lower() in rank]
    found: dict[str, Path] = {}
    for path in sorted(files, key=lambda path: rank[path.suffix.lower()]):
        found.setdefault(path.relative_to(folder).with_suffix("").as_posix(), path)
    return dict(sorted(found.items()))


def _composed(files: Mapping[str, Path]) -> dict[str, Path]:
    return {composed(name): path for name, path in files.items()}


def _bare(line: str) -> str:
    """The name in a line that names no image: without ending and flag."""
    return _stem(PurePosixPath(_FLAG.sub("", line)), (*PICTURE_SUFFIXES, ".xml"))


def _stem(path: PurePosixPath, suffixes: Collection[str]) -> str:
    return str(path.with_suffix("") if path.suffix.lower() in suffixes else path)


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
                f"({counted(len(shared), 'such image')}); an image may be in one split alone"
            )
