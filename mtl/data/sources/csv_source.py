"""One split of a table's rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mtl.config.columns import MAPS
from mtl.data.image_format import ImageFormat
from mtl.data.sample import Sample, Target, TargetValue
from mtl.data.sources.file_place import FilePlace
from mtl.data.sources.file_source import FileSource
from mtl.data.sources.map_files import MapFiles, Size
from mtl.data.sources.table_cells import Array, list_at, text_at
from mtl.errors import BadFile


@dataclass(frozen=True)
class TableLayout:
    """What the arrays of a table mean.

    Args:
        image: the key of the images' column.
        targets: target to the keys of its columns.
        meaning: the data set's targets.
        places: key of a column that names files to where these are.
        maps: how maps are read.
        stamp: a text that differs whenever the table has changed.
        images: how images are read.
    """

    image: str
    targets: Mapping[str, tuple[str, ...]]
    meaning: Mapping[str, Target]
    places: Mapping[str, FilePlace]
    maps: MapFiles
    stamp: str
    images: ImageFormat


class CsvSource(FileSource):
    """Samples with the targets that their rows name.

    Args:
        arrays: what the table comes to (see ``read_index``).
        rows: (m,) int64, which of its rows are in the split.
        layout: what they mean.
    """

    def __init__(
        self, arrays: Mapping[str, Array], rows: npt.NDArray[np.int64], layout: TableLayout
    ) -> None:
        self.arrays = arrays
        self.rows = rows
        self.layout = layout

    def __len__(self) -> int:
        return len(self.rows)

    def id(self, index: int) -> str:
        """The image's path."""
        return str(self._file(self.layout.image, index))

    def read(self, index: int, size: int | None = None) -> Sample:
        """The sample at ``index``; see ``Source.read``."""
        path = self._file(self.layout.image, index)
        assert path is not None
        with self._naming_nearest(self.layout.image):
            image, full = self.layout.images.read(path, size)
        targets = self._of_row(index) | self._of_files(index, full, image.shape[1::-1])
        return Sample(image, str(path), targets, full)

    def annotations(self, index: int) -> Mapping[str, object]:
        """The targets; only where there are maps the image's size is looked at, too."""
        maps = {}
        if any(target.kind.name in MAPS for target in self.layout.meaning.values()):
            with self._naming_nearest(self.layout.image):
                full = self.layout.images.size(self.id(index))
            maps = self._of_files(index, full, full)
        return self._of_row(index) | maps

    def strata(self) -> list[int] | None:
        """The first label, if there is one."""
        for name, target in self.layout.meaning.items():
            if target.kind.name == "label":
                codes = self.arrays[f"{self.layout.targets[name][0]}.codes"]
                found: list[int] = codes[self.rows].tolist()
                return found
        return None

    def files(self, index: int) -> list[Path]:
        """The image and its maps."""
        found = (self._file(column, index) for column in self.layout.places)
        return [path for path in found if path is not None]

    def key(self) -> str:
        """The table, what its columns are and how files are read."""
        layout = self.layout
        plain = {name: target.plain for name, target in layout.meaning.items()}
        files = f"{layout.maps.key()}{layout.images.key()}"
        return f"{type(self).__qualname__}{layout.stamp}{layout.targets}{plain}{files}"

    def _file(self, column: str, index: int) -> Path | None:
        name = text_at(self.arrays, column, int(self.rows[index]))
        return self.layout.places[column].file(name) if name else None

    @contextmanager
    def _naming_nearest(self, column: str) -> Iterator[None]:
        try:
            yield
        except BadFile as error:
            raise self.layout.places[column].told(error) from None

    def _of_row(self, index: int) -> dict[str, TargetValue]:
        """What is told in the table itself."""
        row, found = int(self.rows[index]), dict[str, TargetValue]()
        for name, columns in self.layout.targets.items():
            target = self.layout.meaning[name]
            match target.kind.name:
                case "label":
                    code = int(self.arrays[f"{columns[0]}.codes"][row])
                    value: TargetValue = None if code < 0 else code
                case "labels":
                    value = list_at(self.arrays, columns[0], row)
                    if value is not None:
                        there = np.zeros(len(target.classes), np.int8)
                        there[value] = 1
                        value = there
                case "numbers":
                    entries = (self.arrays[f"{column}.values"][row] for column in columns)
                    value = np.fromiter(entries, np.float32, len(columns))
                    value = None if np.isnan(value).all() else value
                case _:
                    continue
            if value is not None:
                found[name] = value
        return found

    def _of_files(self, index: int, full: Size, shown: Size) -> dict[str, TargetValue]:
        found = {}
        for name, columns in self.layout.targets.items():
            kind = self.layout.meaning[name].kind.name
            path = self._file(columns[0], index) if kind in MAPS else None
            if path is not None:
                with self._naming_nearest(columns[0]):
                    found[name] = self.layout.maps.read(kind, path, full, shown)
        return found
