"""Where images and maps are in parallel folders."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mtl.config.columns import IMAGE, MAPS
from mtl.config.nearest import listing
from mtl.data.image_format import PICTURE_SUFFIXES
from mtl.data.sources.base import Split
from mtl.data.sources.folder_files import composed, files_below, folders_in, split_of, walk
from mtl.data.sources.folder_roles import USUAL, role_of
from mtl.data.sources.map_files import MAP_SUFFIXES
from mtl.errors import UserError

_OF_MAPS = re.compile(r"[ _.-]+(mask|masks|seg|segmentation|label|labels|gt|depth|normals?)$", re.I)
"""What stands behind an image's name in the name of its map."""


@dataclass(frozen=True)
class Pictured:
    """An image with its maps.

    Args:
        name: the image's path below its folder, without ending.
        image: its file.
        maps: kind to file, of the kinds that it has.
        split: that its folders tell; None where none does.
    """

    name: str
    image: Path
    maps: Mapping[str, Path]
    split: Split | None


@dataclass(frozen=True)
class Listed:
    """What the folders hold.

    Args:
        items: by split and name.
        folders: image and kinds to the folders.
        left: kind to the maps that are no image's.
        unread: folder to the files in it that are of no format of its role.
    """

    items: list[Pictured]
    folders: Mapping[str, list[Path]]
    left: Mapping[str, list[Path]]
    unread: Mapping[Path, list[Path]]


def looks_like_folders(root: Path) -> bool:
    """Whether there is a folder of images beside one of maps, here or in folders of splits."""
    for _, top in _tops(root):
        found = _found(top)
        if IMAGE in found and len(found) > 1:
            return True
    return False


def list_folders(root: Path, given: Mapping[str, str]) -> Listed:
    """List images and maps.

    Args:
        root: the folder.
        given: ``image`` and kinds to folders below it; none for those that are called like it.

    Raises:
        UserError: there is no folder of images, or none of maps, or no map is any image's.
    """
    items: list[Pictured] = []
    folders: dict[str, list[Path]] = {}
    left: dict[str, list[Path]] = {}
    unread: dict[Path, list[Path]] = {}
    for split, there in folders_of(root, given):
        for role, folder in there.items():
            folders.setdefault(role, []).append(folder)
            suffixes = PICTURE_SUFFIXES if role == IMAGE else MAP_SUFFIXES
            others = [p for p in files_below(folder) if p.suffix.lower() not in suffixes]
            unread |= {folder: others} if others else {}
        images = _by_name(there[IMAGE], PICTURE_SUFFIXES)
        maps = {}
        for kind in (role for role in there if role != IMAGE):
            maps[kind] = _of_images(_by_name(there[kind], MAP_SUFFIXES), images)
            spare = maps[kind].keys() - images.keys()
            left.setdefault(kind, []).extend(maps[kind][name] for name in sorted(spare))
        for name, path in images.items():
            own = {kind: files[name] for kind, files in maps.items() if name in files}
            items.append(Pictured(name, path, own, split or _split_of(name)))
    if not items:
        raise UserError(f"{listing(folders[IMAGE])} has no image ({', '.join(PICTURE_SUFFIXES)})")
    for kind, files in left.items():
        if files and not any(kind in item.maps for item in items):
            raise UserError(
                f"no {kind} has the name of an image: {files[0]} is of none of the "
                f"{len(items)} in {listing(folders[IMAGE])}"
            )
    return Listed(items, folders, {kind: files for kind, files in left.items() if files}, unread)


def folders_of(
    root: Path, given: Mapping[str, str]
) -> Iterator[tuple[Split | None, Mapping[str, Path]]]:
    """The folders of images and maps, split by split; of none where no folder is a split.

    Args:
        root: see ``list_folders``.
        given: likewise.

    Raises:
        UserError: there is no folder of images, or none of maps.
    """
    tops = [(None, root)] if given else _tops(root)
    every = [(split, top, _given(root, given) if given else _found(top)) for split, top in tops]
    for split, top, there in every:
        # Of other splits than train's nothing may be known.
        if split in (None, "train") or not any(len(other) > 1 for _, _, other in every):
            _refuse_lack(top, there)
        yield split, there


def _tops(root: Path) -> list[tuple[Split | None, Path]]:
    """The folders of splits that hold images and maps each, or the root."""
    splits = [(split, folder) for folder in folders_in(root) if (split := split_of(folder.name))]
    splits = [(split, folder) for split, folder in splits if IMAGE in _found(folder)]
    return list(splits) or [(None, root)]


def _found(top: Path) -> dict[str, Path]:
    """Image and kinds to the likeliest folder that is called like it and has such files."""
    inside = folders_in(top)
    found = {}
    for role, names in USUAL.items():
        suffixes = PICTURE_SUFFIXES if role == IMAGE else MAP_SUFFIXES
        own = [folder for folder in inside if role_of(folder) == role]
        own.sort(key=lambda folder: names.index(_plain(folder)))
        there = next((folder for folder in own if any(_files(folder, suffixes))), None)
        if there is not None:
            found[role] = there
    return found


def _given(root: Path, given: Mapping[str, str]) -> dict[str, Path]:
    for role, name in given.items():
        if role not in (IMAGE, *MAPS):
            raise UserError(f"data.folders: {role} is none of {listing((IMAGE, *MAPS))}")
        if not (root / name).is_dir():
            raise UserError(f"data.folders.{role}={name}: there is no folder {root / name}")
    return {role: root / name for role, name in given.items()}


def _refuse_lack(top: Path, there: Mapping[str, Path]) -> None:
    if IMAGE not in there or len(there) < 2:
        what = "no folder of images" if IMAGE not in there else "no folder of masks, depth, normals"
        raise UserError(
            f"{top} has {what}; data.folders={{image: FOLDER, mask: FOLDER}} names them (it has "
            f"{listing(folder.name for folder in folders_in(top))})"
        )


def _by_name(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in files_below(folder):
        if path.suffix.lower() in suffixes:
            name = composed(path.relative_to(folder).with_suffix("").as_posix())
            if name in found:
                raise UserError(f"{found[name]} and {path} have the same name; remove one")
            found[name] = path
    return found


def _of_images(maps: dict[str, Path], images: Mapping[str, Path]) -> dict[str, Path]:
    """Maps by the names of their images, which may have more behind.

    Raises:
        UserError: two are of one image.
    """
    better: dict[str, Path] = {}
    for name, path in maps.items():
        short = _OF_MAPS.sub("", name)
        if name not in images and short in images and short not in maps:
            if short in better:
                raise UserError(f"{better[short]} and {path} are of one image; remove one")
            better[short] = path
    used = set(better.values())
    return {**{name: path for name, path in maps.items() if path not in used}, **better}


def _files(folder: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    return (path for path in walk(folder) if path.suffix.lower() in suffixes)


def _plain(folder: Path) -> str:
    return folder.name.lower().replace("_", "").replace("-", "")


def _split_of(name: str) -> Split | None:
    """The split that the first folder of a name says, which may have a year: ``train2017/a``."""
    first, _, rest = name.partition("/")
    return split_of(re.sub(r"\d+$", "", first)) if rest else None
