"""Where things lie in a folder with files in COCO's format."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TypeVar

from mtl.data.sources.base import SPLITS, Split
from mtl.data.sources.folder_files import counts, folders_in, is_file, split_of
from mtl.errors import UserError
from mtl.words import counted

Value = TypeVar("Value")
OTHERS = ("captions", "image_info")
"""How files begin that tell nothing that is learnt here."""
KEYS = ("images", "annotations", "categories")
"""Of a file, at least two of them near its ends."""
ENDS = 2**16
"""Bytes."""


def looks_like_coco(root: Path) -> bool:
    """Whether a folder has files that ``data=coco`` would look at, by their names and places.

    Of one in the folder itself whose name says no split the beginning and the end are looked at.
    """
    return any(
        path.parent != root or split_of_file(path) or _has_keys(path) for path in _files(root)
    )


def _has_keys(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            seen = file.read(ENDS)
            file.seek(max(0, path.stat().st_size - ENDS))
            seen += file.read()
    except OSError:
        return False
    return sum(f'"{key}"'.encode() in seen for key in KEYS) > 1


def find_files(root: Path) -> tuple[dict[Split, list[Path]], list[str]]:
    """The annotation files of each split, and a line for each one that is none's.

    A file belongs to the split that its name says (``instances_val2017.json``), or its folder's; of
    those that say nothing (``annotations.json``) all are train's where no other file is.

    Raises:
        UserError: there is no file of training annotations.
    """
    found: dict[Split, list[Path]] = {}
    silent, said = [], []
    for path in _files(root):
        if path.stem.lower().startswith(OTHERS):
            said.append(f"{path} is not read: nothing is learnt from it")
        elif split := split_of_file(path) or split_of(path.parent.name):
            found.setdefault(split, []).append(path)
        else:
            silent.append(path)
    if "train" not in found and silent:
        found["train"] = silent
        silent = []
    said += [f"{path} is not used: its name says no split" for path in silent]
    if "train" not in found:
        raise UserError(
            f"{root} has no json file of training annotations, such as "
            "annotations/instances_train2017.json; data.annotations={train: FILE} names one"
        )
    return {split: found[split] for split in SPLITS if split in found}, said


def split_of_file(path: Path) -> Split | None:
    """The split that a file's name says: ``instances_train2017.json``, ``lvis_v1_val.json``."""
    words = re.split(r"[\W_]+", path.stem.lower())
    found = (split_of(re.sub(r"\d+$", "", word)) for word in reversed(words))
    return next((split for split in found if split is not None), None)


def find_images(root: Path, split: Split, files: Sequence[Path], names: Sequence[str]) -> Path:
    """The folder in which a split's images are.

    Args:
        root: of the data.
        split: whose.
        files: its annotation files.
        names: of the images, below that folder.

    Raises:
        UserError: none of the images that were looked for is in a likely folder.
    """
    looked = [names[place] for place in sorted({0, len(names) // 2, len(names) - 1})]
    tried = list(dict.fromkeys(_likely(root, split, files)))
    for folder in tried:
        if any(is_file(folder / name) for name in looked):
            return folder
    raise UserError(
        f"{files[0]}: its images, such as {looked[0]}, are in none of the "
        f"{counted(len(tried), 'likely folder')} ({', '.join(map(str, tried[:4]))}, ...); "
        f"data.images={{{split}: FOLDER}} says where they are"
    )


def pictures_beside(file: Path) -> Path:
    """The folder of a panoptic file's pictures, which has its name."""
    return file.with_suffix("")


def refuse_outside(file: Path, names: Sequence[str]) -> None:
    """Look for names that lead out of the folder of the images.

    Raises:
        UserError: there is one.
    """
    for name in names:
        # A Path of each would take seconds where there are a hundred thousand.
        rooted = (name.startswith("/") or ":" in name) and Path(name).is_absolute()
        if rooted or (".." in name and ".." in name.split("/")):
            raise UserError(f"{file} lists {name!r}, which leads out of the folder of the images")


def stem_of(name: str) -> str:
    """An image's name with its folders, without its ending: ``a/b`` of ``./a/b.jpg``."""
    if "./" in name or "//" in name or name.endswith("."):
        return PurePosixPath(name).with_suffix("").as_posix()
    return posixpath.splitext(name)[0]


def given_files(root: Path, files: Mapping[Split, str | Sequence[str]]) -> dict[Split, list[Path]]:
    """``data.annotations`` as paths; those that are relative lie below the root.

    Raises:
        UserError: a file doesn't exist, or train has none.
    """
    found = {
        split: [root / one for one in ([paths] if isinstance(paths, str) else paths)]
        for split, paths in files.items()
    }
    for path in (path for paths in found.values() for path in paths):
        if not path.is_file():
            raise UserError(f"data.annotations: {path} is no file")
    if not found.get("train"):
        raise UserError("data.annotations names no file for train: {train: FILE, ...}")
    return found


def by_split(key: str, values: Mapping[str, Value | None] | None) -> dict[Split, Value]:
    """An option that has a value for some splits, less those that have none.

    Raises:
        UserError: a split is none.
    """
    values = values or {}
    odd = [name for name in values if name not in SPLITS]
    if odd:
        raise UserError(f"data.{key}: {odd[0]} is no split; there are {', '.join(SPLITS)}")
    return {split: value for split in SPLITS if (value := values.get(split)) is not None}


def _files(root: Path) -> list[Path]:
    """All json files at the places where annotations are put, sorted."""
    inside = folders_in(root)
    folders = [
        root,
        *(folder for folder in inside if folder.name.lower() == "annotations"),
        *(folder for folder in inside if split_of(folder.name)),
    ]
    return [
        path
        for folder in folders
        for path in sorted(folder.iterdir())
        if path.suffix.lower() == ".json" and counts(path.name) and path.is_file()
    ]


def _likely(root: Path, split: Split, files: Sequence[Path]) -> list[Path]:
    images = [folder for folder in folders_in(root) if folder.name.lower() in ("images", "photos")]
    words = [word for file in files for word in file.stem.split("_")]
    named = [above / word for word in reversed(words) for above in (*images, root)]
    of_split = [
        folder
        for above in (*images, root)
        for folder in folders_in(above)
        if split_of(re.sub(r"\d+$", "", folder.name)) == split
    ]
    return [*(f for f in named if f.is_dir()), *of_split, *images, files[0].parent, root]
