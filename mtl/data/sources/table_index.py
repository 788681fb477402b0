"""A whole table as arrays, which processes share."""

from __future__ import annotations

import json
import posixpath
import re
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mtl.config.columns import GROUP, IMAGE, MAPS, NUMBERS, SPLIT
from mtl.config.nearest import unknown
from mtl.data.sources.base import SPLITS, Split
from mtl.data.sources.file_place import FilePlace
from mtl.data.sources.folder_files import split_of
from mtl.data.sources.picture_names import picture_names
from mtl.data.sources.table_cells import (
    BLANK,
    Array,
    ColumnCells,
    ListCells,
    NameCells,
    NumberCells,
    TextCells,
    text_at,
)
from mtl.data.sources.table_file import read_table
from mtl.data.sources.table_splits import Divided, divide
from mtl.errors import BadFile, UserError

VERSION = "table-2"
_ENDING = re.compile(r"\.[^./]*$")
Tables = Sequence[tuple[Path, Split | None]]
"""Files, and the split of all rows of one, where files are split."""


@dataclass(frozen=True)
class TablePictures:
    """Where a table's images are.

    Args:
        root: of the data.
        place: of the files.
    """

    root: Path
    place: FilePlace

    def names(self, cells: Sequence[str]) -> list[str]:
        """What is hashed of each image."""
        folder = str(self.place.folder)
        plain = (f"{cell}{self.place.lacking(cell)}".replace("\\", "/") for cell in cells)
        return picture_names((posixpath.join(folder, cell) for cell in plain), self.root)


@dataclass(frozen=True)
class TablePlan:
    """How a table is read.

    Args:
        columns: name to what it is; one is the image.
        classes: column to the names that it may hold; those found for the others.
        within: separates the names in a list.
        fractions: of ``val`` and ``test``, to be held out where the table doesn't tell.
        seed: of that.
        stratify: the column of labels in each of which the fractions are held out, if any.
        pictures: where they are, of which the paths are hashed; None hashes what cells say.
    """

    columns: Mapping[str, str]
    classes: Mapping[str, Sequence[str]]
    within: str
    fractions: Mapping[Split, float]
    seed: int
    stratify: str | None
    pictures: TablePictures | None

    @property
    def image(self) -> str:
        """The column of the images."""
        return next(name for name, role in self.columns.items() if role == IMAGE)

    def key(self, name: str) -> str:
        """How the arrays of a column are called: by its place, since a name may hold anything."""
        return f"column{list(self.columns).index(name)}"


class SplitCells(ColumnCells):
    """``codes`` (n,) int8 of ``SPLITS``, -1 where blank."""

    def __init__(self) -> None:
        self.codes = array("b")

    def add(self, cell: str) -> None:
        """A split, called as folders may be."""
        split = split_of(cell) if cell else None
        if cell and split is None:
            raise ValueError(f"is {cell!r}, no split; there are {', '.join(SPLITS)}")
        self.codes.append(-1 if split is None else SPLITS.index(split))

    def arrays(self) -> dict[str, Array]:
        """See the class."""
        return {"codes": np.array(self.codes, np.int8)}


def read_index(tables: Tables, plan: TablePlan) -> dict[str, Array]:
    """Read the tables once.

    Returns:
        What the cells of each column come to (see ``table_cells``), by ``Plan.key``; ``split`` (n,)
        int8, -1 for rows that no split uses; ``about``, what ``about`` reads.

    Raises:
        BadFile: a table or one of its cells can't be read, or two rows are of one image.
        UserError: there are too few rows for the splits.
    """
    cells = {name: _cells(name, role, plan) for name, role in plan.columns.items()}
    given, hashes, lines = array("b"), array("q"), array("q")
    ends = []
    for path, split in tables:
        header, rows = read_table(path, plan.within)
        places = [(name, _place(path, name, header), cells[name]) for name in plan.columns]
        image = header.index(plan.image)
        code = 0 if split is None else SPLITS.index(split)
        for line, row in rows:
            name = ""
            try:
                for name, place, own in places:  # noqa: B007 - the message names it
                    own.add(row[place].strip())
            except ValueError as error:
                raise BadFile(path, f"line {line}: {name} {error}") from None
            if row[image].strip().lower() in BLANK:
                said = row[image].strip() or "empty"
                raise BadFile(path, f"line {line}: {plan.image} is {said}, and names the image")
            given.append(code)
            lines.append(line)
            hashes.append(hash(_plain(row[image].strip())))
        ends.append(len(given))
    if not given:
        raise BadFile(tables[0][0], "has no rows")
    found: dict[str, Array] = {}
    for name, own in cells.items():
        try:
            arrays = own.arrays()
        except ValueError as error:
            raise BadFile(tables[0][0], f"{name} {error}") from None
        found |= {f"{plan.key(name)}.{part}": values for part, values in arrays.items()}
    _refuse_twice(found, plan, np.array(hashes), np.array(lines), tables, ends)
    told = [name for name, role in plan.columns.items() if role == SPLIT]
    codes = found[f"{plan.key(told[0])}.codes"] if told else np.array(given, np.int8)
    divided = _divided(found, cells, plan, codes)
    names = {n: own.names for n, own in cells.items() if isinstance(own, NameCells)}
    lists = [(name, own) for name, own in cells.items() if isinstance(own, ListCells)]
    doubts = [f"{name}: {own.doubt}" for name, own in lists if own.doubt is not None]
    about = {"names": names, "notes": [*doubts, *divided.notes]}
    found["split"] = divided.codes
    found["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    return found


def about(arrays: Mapping[str, Array]) -> dict[str, Any]:
    """``names``, the names of each column of classes, and ``notes`` on the splits."""
    found: dict[str, Any] = json.loads(arrays["about"].tobytes())
    return found


def _cells(name: str, role: str, plan: TablePlan) -> ColumnCells:
    if role in (IMAGE, *MAPS):
        return TextCells()
    if role == NUMBERS:
        return NumberCells()
    if role == SPLIT:
        return SplitCells()
    if role == GROUP:
        return NameCells()
    known = plan.classes.get(name)
    return NameCells(known) if role == "label" else ListCells(known, plan.within)


def _place(path: Path, name: str, header: Sequence[str]) -> int:
    if name not in header:
        raise UserError(f"data.columns: {path}: {unknown('column', name, header)}")
    return header.index(name)


def _refuse_twice(
    found: Mapping[str, Array],
    plan: TablePlan,
    hashes: Array,
    lines: Array,
    tables: Tables,
    ends: Sequence[int],
) -> None:
    order = np.argsort(hashes, kind="stable")
    for place in np.flatnonzero(hashes[order][1:] == hashes[order][:-1]).tolist():
        rows = int(order[place]), int(order[place + 1])
        one, other = (text_at(found, plan.key(plan.image), row) for row in rows)
        if _plain(one) == _plain(other):
            first, second = (
                f"line {lines[row]} of {tables[int(np.searchsorted(ends, row, 'right'))][0].name}"
                for row in rows
            )
            raise BadFile(
                tables[0][0], f"{first} and {second} are both of {one}; an image has one row"
            )


def _plain(name: str) -> str:
    """An image's name without detours, by which two rows are known to be of one image."""
    name = name.replace("\\", "/")
    return posixpath.normpath(name) if "./" in name or "//" in name else name


def _divided(
    found: Mapping[str, Array], cells: Mapping[str, ColumnCells], plan: TablePlan, codes: Array
) -> Divided:
    grouped = [name for name, role in plan.columns.items() if role == GROUP]
    groups: list[str] | None = None
    if grouped:
        own = cells[grouped[0]]
        assert isinstance(own, NameCells)
        named = [*own.names, ""]
        groups = [named[code] for code in found[f"{plan.key(grouped[0])}.codes"].tolist()]
    strata = None if plan.stratify is None else found[f"{plan.key(plan.stratify)}.codes"]
    key = plan.key(plan.image)
    images = [text_at(found, key, row) for row in range(len(codes))]
    if plan.pictures is None:
        names = [_ENDING.sub("", image.replace("\\", "/")) for image in images]
    else:
        names = plan.pictures.names(images)
    return divide(names, codes, groups, strata, plan.fractions, plan.seed)
