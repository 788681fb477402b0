"""``data=csv``: a table with a row for each image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from mtl.config.columns import IMAGE, MAPS, column_targets
from mtl.config.nearest import listing, unknown
from mtl.config.texts import written
from mtl.data.image_format import format_of
from mtl.data.sample import Target
from mtl.data.sources.base import SPLITS, DataSet, Split
from mtl.data.sources.csv_source import CsvSource, TableLayout
from mtl.data.sources.file_place import FilePlace
from mtl.data.sources.hold_out import check_fractions
from mtl.data.sources.kept_arrays import kept_arrays
from mtl.data.sources.map_files import MapOptions, map_files
from mtl.data.sources.mask_classes import mask_classes, named_by
from mtl.data.sources.picture_names import SplitBy
from mtl.data.sources.table_cells import Array
from mtl.data.sources.table_guess import first_rows, guessed
from mtl.data.sources.table_index import (
    VERSION,
    TablePictures,
    TablePlan,
    Tables,
    about,
    read_index,
)
from mtl.data.sources.table_layout import find_place, find_tables, name_pictures
from mtl.errors import UserError
from mtl.files import printable


class CsvTable(DataSet):
    """A table of comma or tab separated values, or a parquet file, and the images that it names.

    Args:
        root: the folder to which the files' names are relative, or in which one of its folders is.
        image_size: not needed, since sources are told at each reading.
        table: the file; or split to file; None takes the only table in root.
        columns: name to what it is: ``image``, a kind of target, ``split`` or ``group``; none
            leaves that to be guessed.
        units: number to its unit.
        classes: target to its classes; those found, sorted, for labels, and of masks those in
            ``root/classes.txt``.
        separator: of the names in a cell of ``labels``.
        val_fraction: share of the training rows held out as ``val`` where the table tells no val, 0
            to below 1; by a hash of the images' names, or of their groups, so that adding rows
            moves none.
        test_fraction: likewise for ``test``.
        split_seed: of the hash.
        split_by: what is hashed, see ``picture_names``.
        stratify: a column of kind ``label`` in each class of which the fractions are held out.
        index_dir: where what a large table holds is kept for the next start.
        channels: of the images, see ``ImageFormat``.
        pixel_range: of their values, likewise.
        maps: how files of masks, depths and normals are read, see ``MapFiles``.

    Raises:
        UserError: an option is out of its range.
    """

    def __init__(
        self,
        *,
        root: str,
        image_size: int,
        table: str | Mapping[str, str] | None = None,
        columns: Mapping[str, str] | None = None,
        units: Mapping[str, str] | None = None,
        classes: Mapping[str, Sequence[str]] | None = None,
        separator: str = ";",
        val_fraction: float = 0.2,
        test_fraction: float = 0.0,
        split_seed: int = 0,
        split_by: SplitBy = "path",
        stratify: str | None = None,
        index_dir: str = "outputs/cache/index",
        channels: int = 3,
        pixel_range: Sequence[float] | None = None,
        **maps: Unpack[MapOptions],
    ) -> None:
        del image_size
        check_fractions(val=val_fraction, test=test_fraction)
        self.root = Path(root)
        self.table = table
        self.given = dict(columns or {})
        self.units = dict(units or {})
        self.chosen = {name: tuple(map(str, own)) for name, own in (classes or {}).items()}
        self.separator = separator
        self.map_options = maps
        self.fractions: dict[Split, float] = {"val": val_fraction, "test": test_fraction}
        self.split_seed = split_seed
        self.split_by = split_by
        self.stratify = stratify
        self.index_dir = Path(index_dir)
        self.images = format_of({"channels": channels, "pixel_range": pixel_range})

    def prepare(self) -> None:
        """Read the table and find the files that it names.

        Raises:
            UserError: the table can't be read, or the files are not where they are looked for.
        """
        _ = self._layout

    def look(self) -> None:
        """See that there is a table with the columns that it takes."""
        _ = self._columns

    @property
    def targets(self) -> Mapping[str, Target]:
        """Those that the columns make."""
        return self._layout.meaning

    def split(self, split: Split) -> CsvSource | None:
        """That split, or None where the table has none and nothing is held out for it."""
        rows = np.flatnonzero(self._arrays["split"] == SPLITS.index(split))
        return CsvSource(self._arrays, rows, self._layout) if len(rows) else None

    def decided(self) -> Sequence[str]:
        """The tables, what their columns are, where their files are, who names classes of masks."""
        said = [f"{split or 'table'}: {path}" for path, split in self._tables]
        how = "as given" if self.given else "by their names and first rows"
        said.append(f"columns {how}: {written('data.columns', self._columns)}")
        for key, place in self._layout.places.items():
            name = list(self._columns)[int(key.removeprefix("column"))]
            lacking = f"; endings that cells lack: {listing(place.usual)}" if place.usual else ""
            said.append(f"files of {name}: in {place.folder}{lacking}")
        masks = [name for name, target in self.targets.items() if target.kind.name == "mask"]
        for name in masks:
            given = self.chosen.get(name, ())
            said.append(named_by(self.root, name, given, self.map_options, _otherwise(name)))
        return [printable(line) for line in said]

    def notes(self) -> Sequence[str]:
        """Columns that were guessed or aren't used, what was held out, rows that aren't used."""
        unused = [name for name in self._first if name not in self._columns]
        said = [f"columns not used: {listing(unused[:8])}" + ", ..." * (len(unused) > 8)]
        notes = said * bool(unused) + list(about(self._arrays)["notes"])
        if not self.given:
            columns = written("data.columns", self._columns)
            notes.insert(0, f"nobody said what the columns are; taken: {columns}")
        return [printable(line) for line in notes]

    @cached_property
    def _tables(self) -> Tables:
        if not self.root.is_dir():
            raise UserError(f"the folder {self.root} does not exist; set data.root=")
        return find_tables(self.root, self.table)

    @cached_property
    def _first(self) -> dict[str, list[str]]:
        return first_rows(self._tables[0][0], self.separator)

    @cached_property
    def _columns(self) -> dict[str, str]:
        path = self._tables[0][0]
        are_images = partial(name_pictures, self.root, path)
        columns = self.given or guessed(self._first, self.separator, are_images)
        for name in columns:
            if name not in self._first:
                raise UserError(f"data.columns: {path}: {unknown('column', name, self._first)}")
        images = [name for name, role in columns.items() if role == IMAGE]
        if len(images) != 1:
            what = "two columns are images" if images else "no column is the image"
            raise UserError(
                f"{path}: {what}; data.columns={{NAME: image, ...}} says what each is (it has "
                f"{listing(self._first)})"
            )
        if not column_targets(columns):
            raise UserError(
                f"{path}: no column can be learnt; data.columns={{{images[0]}: image, ...: label}} "
                f"says what each is (it has {listing(self._first)})"
            )
        roles = list(columns.values())
        if self.stratify is not None and columns.get(self.stratify) != "label":
            raise UserError(f"data.stratify={self.stratify}: is no column of kind label")
        if self.stratify is not None and "group" in roles:
            raise UserError(
                "data.stratify goes by rows, and groups are held out whole: choose one of them"
            )
        return columns

    @cached_property
    def _plan(self) -> TablePlan:
        named = column_targets(self._columns)
        classes = {
            column: self.chosen[target]
            for target, columns in named.items()
            for column in columns
            if target in self.chosen
        }
        odd = [name for name in self.chosen if name not in named]
        if odd:
            raise UserError(f"data.classes: {unknown('target', odd[0], named)}")
        return TablePlan(
            self._columns,
            classes,
            self.separator,
            self.fractions,
            self.split_seed,
            self.stratify,
            self._pictures,
        )

    @property
    def _pictures(self) -> TablePictures | None:
        if self.split_by == "name" or not any(self.fractions.values()):
            return None
        image = next(name for name, role in self._columns.items() if role == IMAGE)
        place = self._place(image)
        return TablePictures(self.root, place)

    @cached_property
    def _arrays(self) -> Mapping[str, Array]:
        path, _ = self._tables[0]
        version = f"{VERSION} {self._plan} {self._stamp}"
        return kept_arrays(
            path, self.index_dir, version, lambda: read_index(self._tables, self._plan)
        )

    @property
    def _stamp(self) -> str:
        stats = [(str(path), split, path.stat()) for path, split in self._tables]
        return f"{[(path, split, stat.st_size, stat.st_mtime_ns) for path, split, stat in stats]}"

    @cached_property
    def _layout(self) -> TableLayout:
        plan, arrays = self._plan, self._arrays
        names: Mapping[str, Any] = about(arrays)["names"]
        meaning, keys, areas = {}, {}, tuple[str, ...]()
        for target, columns in column_targets(self._columns).items():
            kind = next(iter(columns.values()))
            classes: Sequence[str] = ()
            if kind == "numbers":
                classes = list(columns)
            elif kind in ("label", "labels"):
                classes = names[next(iter(columns))]
            elif kind == "mask":
                areas = self._areas(target, next(iter(columns)))
                classes = map_files(areas, self.map_options).names
            meaning[target] = Target(kind, classes, units=self._units(kind, classes))
            keys[target] = tuple(plan.key(column) for column in columns)
            if kind in ("label", "labels") and not classes:
                raise UserError(f"{self._tables[0][0]}: the column {next(iter(columns))} is empty")
        maps = map_files(areas, self.map_options)
        places = {
            plan.key(name): self._place(name)
            for name, role in self._columns.items()
            if role in (IMAGE, *MAPS)
        }
        return TableLayout(
            plan.key(plan.image), keys, meaning, places, maps, self._stamp, self.images
        )

    def _areas(self, target: str, column: str) -> tuple[str, ...]:
        """The classes of masks."""
        place = self._place(column)
        masks = (path for cell in self._first[column] if (path := place.found(cell)) is not None)
        given = self.chosen.get(target, ())
        return mask_classes(self.root, given, self.map_options, masks, _otherwise(target))

    def _units(self, kind: str, names: Sequence[str]) -> Sequence[str]:
        if kind != "numbers" or not self.units:
            return ()
        for name in self.units:
            if name not in names:
                raise UserError(f"data.units: {unknown('number', name, names)}")
        return [self.units.get(name, "") for name in names]

    def _place(self, name: str) -> FilePlace:
        table, role = self._tables[0][0], self._columns[name]
        return find_place(self.root, table, name, role, self._first[name])


def _otherwise(target: str) -> str:
    """How a user names the classes of masks."""
    return f"data.classes={{{target}: [...]}}"
