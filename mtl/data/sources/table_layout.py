"""Where a table is, and the files that it names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mtl.config.columns import IMAGE
from mtl.data.image_format import PICTURE_SUFFIXES
from mtl.data.sources.base import SPLITS, Split
from mtl.data.sources.file_place import FilePlace
from mtl.data.sources.folder_files import counts, is_file, split_of
from mtl.data.sources.folder_roles import likely_folders
from mtl.data.sources.map_files import ARRAY_SUFFIXES
from mtl.data.sources.table_file import TABLE_SUFFIXES, is_table
from mtl.errors import UserError

TRIED = 20
"""Cells that are looked for as files."""
SEEN = 200
"""Cells whose endings are looked at."""


def looks_like_table(root: Path) -> bool:
    """Whether a folder has a table, or one for each split."""
    return bool(_tables(root))


def find_tables(
    root: Path, given: str | Mapping[str, str] | None
) -> list[tuple[Path, Split | None]]:
    """The tables, and whose rows they hold where there is one for each split.

    Args:
        root: of the data.
        given: a file, relative to the root or to where the command runs; split to file; or None for
            the only table in the root, or those called like splits.

    Raises:
        UserError: there is none, or no telling which.
    """
    if isinstance(given, str):
        return [(_there(root, given), None)]
    if given is not None:
        for name in given:
            if name not in SPLITS:
                raise UserError(f"data.table: {name} is no split; there are {', '.join(SPLITS)}")
        if "train" not in given:
            raise UserError("data.table names no file for train: {train: FILE, ...}")
        return [(_there(root, given[split]), split) for split in SPLITS if split in given]
    found = _tables(root)
    named = {split: path for path in found if (split := _split_of(path)) is not None}
    if len(found) == 1:
        return [(found[0], None)]
    if "train" in named:
        return [(named[split], split) for split in SPLITS if split in named]
    if not found:
        endings = ", ".join(TABLE_SUFFIXES)
        raise UserError(f"{root} has no table ({endings}); data.table=FILE names one")
    names = ", ".join(path.name for path in found[:5])
    raise UserError(f"{root} has several tables ({names}); data.table=FILE says which to read")


def name_pictures(root: Path, table: Path, cells: Sequence[str]) -> bool:
    """Whether cells are the names of pictures where those of a table are looked for."""
    tried = _spread(cells, TRIED) if cells else ()
    for folder in dict.fromkeys([*likely_folders(root, IMAGE), table.parent]):
        place = FilePlace(folder, PICTURE_SUFFIXES)
        found = [path for cell in tried if (path := place.found(cell)) is not None]
        pictures = [path for path in found if path.suffix.lower() in PICTURE_SUFFIXES]
        if 2 * len(pictures) > len(tried):
            return True
    return False


def find_place(root: Path, table: Path, column: str, role: str, cells: Sequence[str]) -> FilePlace:
    """Where the files are that a column names, and the endings that its cells lack.

    Looked for in the root's folders that are called like it, below the root and beside the table,
    and in the root's other folders.

    Args:
        root: of the data.
        table: the file.
        column: its name.
        role: ``image`` or a kind of maps.
        cells: some of it.

    Raises:
        UserError: none of the files is there, or folders of splits have files of the same names.
    """
    if not cells:
        raise UserError(f"{table}: the column {column} is empty")
    folders = list(dict.fromkeys([*likely_folders(root, role), table.parent]))
    maps = () if role == IMAGE else ARRAY_SUFFIXES
    endings = tuple(dict.fromkeys((*PICTURE_SUFFIXES, *maps)))
    places = [FilePlace(folder, endings) for folder in folders]
    tried = _spread(cells, TRIED)
    # As they are written, before any folder is listed.
    for ending in ("", *endings):
        found = [p for p in places if any(is_file(p.plain(cell, ending)) for cell in tried)]
        if found:
            return _with_usual(_of_split(found, table, column), cells)
    found = [place for place in places if any(place.found(cell) for cell in tried)]
    if found:
        return _with_usual(_of_split(found, table, column), cells)
    raise UserError(
        f"{table}: the files that the column {column} names, such as {cells[0]}, are neither in "
        f"{root} nor in one of its folders; data.root=FOLDER says where they are"
    )


def _with_usual(place: FilePlace, cells: Sequence[str]) -> FilePlace:
    """A place that knows which endings the cells lack, the commonest first."""
    lacking = Counter[str]()
    for cell in _spread(cells, SEEN):
        path = place.found(cell)
        name = "" if path is None else path.name
        if len(name) > (bare := len(place.plain(cell).name)):
            lacking[name[bare:]] += 1
    return replace(place, usual=[ending for ending, _ in lacking.most_common()])


def _spread(cells: Sequence[str], most: int) -> Sequence[str]:
    return cells[:: -(-len(cells) // most)]


def _of_split(places: Sequence[FilePlace], table: Path, column: str) -> FilePlace:
    """The first of some places; of folders of splits that of the table's."""
    first, *others = places
    splits = [place for place in places if split_of(place.folder.name)]
    if first not in splits or not others:
        return first
    own = [place for place in splits if split_of(place.folder.name) == _split_of(table)]
    if len(own) == 1:
        return own[0]
    raise UserError(
        f"{table}: the files that the column {column} names are in {splits[0].folder} and in "
        f"{places[1].folder}; write the folder before their names"
    )


def _there(root: Path, name: str) -> Path:
    for path in (root / name, Path(name)):
        if is_file(path):
            return path
    raise UserError(f"data.table={name}: there is no such file, nor {root / name}")


def _tables(root: Path) -> list[Path]:
    return sorted(
        path for path in root.iterdir() if is_table(path) and counts(path.name) and path.is_file()
    )


def _split_of(path: Path) -> Split | None:
    words = re.split(r"[\W_]+", path.name.split(".")[0].lower())
    return next((split for word in words if (split := split_of(word)) is not None), None)
