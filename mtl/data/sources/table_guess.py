"""What the columns of a table may be, judged by their names and first rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from mtl.config.columns import GROUP, IMAGE, MAPS, NUMBERS, SPLIT
from mtl.data.image_format import PICTURE_SUFFIXES
from mtl.data.sources.folder_files import split_of
from mtl.data.sources.map_files import MAP_SUFFIXES
from mtl.data.sources.table_cells import UNKNOWN
from mtl.data.sources.table_file import read_table

LOOKED_AT = 2000
"""Rows."""
_LABELS = {"label", "class", "category", "target", "species", "y"}
_GROUPS = {"patient", "subject", "group", "person", "scene", "case"}
_SPLITS = {"split", "subset", "set", "partition", "fold"}
_IMAGES = {"image", "img", "file", "filename", "path", "photo", "picture", "name", "id"}
_NUMBERED = {"id", "index", "unnamed"}


def first_rows(path: Path, within: str) -> dict[str, list[str]]:
    """Column to its first cells that aren't blank."""
    header, rows = read_table(path, within)
    found: dict[str, list[str]] = {name: [] for name in header}
    for _, row in islice(rows, LOOKED_AT):
        for name, cell in zip(header, row, strict=True):
            if cell.strip():
                found[name].append(cell.strip())
    return found


def guessed(
    cells: dict[str, list[str]], within: str, are_images: Callable[[Sequence[str]], bool]
) -> dict[str, str]:
    """Column to what it is likely to be; columns that may be anything are left out.

    One column is the image. Of labels, lists and each kind of maps the first column is taken.

    Args:
        cells: see ``first_rows``.
        within: what separates the names in a list.
        are_images: whether cells are the names of pictures that are there, without ending perhaps.
    """
    found: dict[str, str] = {}
    image = _image(cells, are_images)
    for name, own in cells.items():
        role = IMAGE if name == image else _role(name, own, within)
        if role == NUMBERS or (role is not None and role not in found.values()):
            found[name] = role
    return found


def _image(cells: dict[str, list[str]], are_images: Callable[[Sequence[str]], bool]) -> str | None:
    files = [name for name, own in cells.items() if _are_files(own, PICTURE_SUFFIXES)]
    plain = [name for name in files if _map_of(name) is None]
    if not plain:
        # An image has one row: numbers of classes may be the names of pictures, too.
        others = (name for name in cells if name not in files and _map_of(name) is None)
        single = [name for name in others if len(set(cells[name])) == len(cells[name])]
        plain = [name for name in single if are_images(cells[name])]
    named = [name for name in plain or cells if _words(name) & _IMAGES]
    return next(iter(named or plain or files), None)


def _role(name: str, cells: Sequence[str], within: str) -> str | None:
    words = _words(name)
    if not cells:
        found = None
    elif _are_files(cells, (*MAP_SUFFIXES, *PICTURE_SUFFIXES)):
        found = _map_of(name)
    elif words & _SPLITS and all(split_of(cell) for cell in cells):
        found = SPLIT
    elif words & _GROUPS:
        found = GROUP
    elif any(within in cell for cell in cells):
        found = "labels"
    elif all(_is_number(cell) for cell in cells):
        whole = all(re.fullmatch(r"-?\d+", cell) for cell in cells)
        found = None if words & _NUMBERED else NUMBERS
        found = "label" if words & _LABELS and whole else found
    else:
        found = "label" if len(set(cells)) <= max(2, len(cells) // 2) else None
    return found


def _map_of(name: str) -> str | None:
    aliases = {"segmentation": "mask", "seg": "mask", "masks": "mask", "normal": "normals"}
    names = [aliases.get(word, word) for word in _words(name)]
    return next((kind for kind in MAPS if kind in names), None)


def _words(name: str) -> set[str]:
    spread = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return set(re.split(r"[\W_\d]+", spread.lower())) - {""}


def _are_files(cells: Sequence[str], suffixes: Sequence[str]) -> bool:
    return bool(cells) and all(cell.lower().endswith(tuple(suffixes)) for cell in cells)


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", ".", 1))
    except ValueError:
        return cell.lower() in UNKNOWN
    return True
