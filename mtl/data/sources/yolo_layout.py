"""Where the images and label files of a YOLO data set lie."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from mtl.data.image_format import PICTURE_SUFFIXES
from mtl.data.sources.base import SPLITS, Split
from mtl.data.sources.folder_files import files_below, folders_in, is_file, is_there, split_of
from mtl.data.sources.text_file import likeliest, lines
from mtl.data.sources.yolo_description import LISTS, YAML, YoloDescription
from mtl.errors import UserError

IMAGES = "images"


def looks_like_yolo(root: Path) -> bool:
    """Whether a folder is one that ``data=yolo`` reads, by its names alone."""
    inside = {folder.name for folder in folders_in(root)}
    described = (
        any(path.suffix.lower() in YAML for path in root.iterdir())
        or (root / "classes.txt").is_file()
    )
    nested = any((root / name / "labels").is_dir() for name in inside if split_of(name))
    return described and ({"images", "labels"} <= inside or nested)


def label_file(image: Path, root: Path, labels: str) -> Path:
    """The label file of an image: the last folder ``images`` of its path is ``labels`` instead.

    An image that is in no such folder below the root has it beside itself.
    """
    parts = list(image.parts)
    above = len(root.parts) if image.is_relative_to(root) else 0
    places = [at for at, part in enumerate(parts[:-1]) if at >= above and part == IMAGES]
    if places:
        parts[places[-1]] = labels
    return Path(*parts).with_suffix(".txt")


def find_images(root: Path, description: YoloDescription) -> dict[Split, list[Path]]:
    """The images of each split, as the description says, or as the folders do.

    Raises:
        UserError: a place doesn't exist, or nothing is there to train on.
    """
    if description.places:
        found = {
            split: list(
                dict.fromkeys(
                    path
                    for place in places
                    for path in _images_at(_placed(root, description, split, place), root)
                )
            )
            for split, places in description.places.items()
        }
    else:
        found = _by_folders(root)
    if not found.get("train"):
        raise UserError(f"{description.file}: there is no image to train on in {root}")
    return {split: found[split] for split in SPLITS if found.get(split)}


def without_repeats(
    found: dict[Split, list[Path]], file: Path
) -> tuple[dict[Split, list[Path]], list[str]]:
    """Splits without those whose images all train, and a line for each of those.

    Raises:
        UserError: two splits share some images.
    """
    kept, said = dict(found), []
    for split in ("val", "test"):
        train = set(kept["train"])
        if split in kept and set(kept[split]) <= train:
            del kept[split]
            said.append(f"{file}: {split} is train's own images, and not used")
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        shared = set(kept.get(one, ())) & set(kept.get(other, ()))  # type: ignore[call-overload]
        if shared:
            raise UserError(
                f"{file}: {min(shared)} is in {one} and in {other}; an image may be in one alone"
            )
    return kept, said


def _placed(root: Path, description: YoloDescription, split: Split, place: str) -> Path:
    """A folder or list of the description.

    Those who write one mean other folders than those who copy it: what isn't where ``path`` leads
    is looked for below the root.
    """
    inside = re.sub(r"^(\.\.?/)+", "", place)
    tried = [description.base / place, description.file.parent / place, root / place, root / inside]
    for path in tried:
        if is_there(path):
            return _plain(path)
    raise UserError(
        f"{description.file}: {split} says {place}, and {tried[0]} does not exist; nor does "
        f"{tried[-1]}"
    )


def _images_at(place: Path, root: Path) -> Iterable[Path]:
    if place.is_dir():
        return (path for path in files_below(place) if path.suffix.lower() in PICTURE_SUFFIXES)
    return [_listed(place, line, root) for line in lines(likeliest(place))]


def _listed(file: Path, line: str, root: Path) -> Path:
    path = Path(line.replace("\\", "/"))
    tried = [file.parent / path, root / path, root / IMAGES / path.name]
    return _plain(next((one for one in tried if is_file(one)), tried[0]))


def _plain(path: Path) -> Path:
    """Without detours, so that one image has one path."""
    return Path(os.path.normpath(path))


def _by_folders(root: Path) -> dict[Split, list[Path]]:
    """``images/train``, ``train/images``, or ``images`` alone."""
    above = root / IMAGES
    named: dict[Split, Path] = {}
    for folder in [*(folders_in(above) if above.is_dir() else []), *folders_in(root)]:
        split = split_of(re.sub(r"\d+$", "", folder.name))
        if split is not None:
            named.setdefault(split, folder)
    if "train" not in named:
        named = {"train": above if above.is_dir() else root}
    return {split: list(_images_at(folder, root)) for split, folder in named.items()}


def label_files_in(folders: Iterable[Path]) -> set[Path]:
    """All that look like label files."""
    return {
        path
        for folder in folders
        if folder.is_dir()
        for path in folder.iterdir()
        if path.suffix == ".txt" and path.name not in LISTS
    }
