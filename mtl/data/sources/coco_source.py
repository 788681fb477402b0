"""One split of data in COCO's format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mtl.data.image_file import image_size, read_image
from mtl.data.sample import Sample, TargetValue
from mtl.data.sources.coco_file import CocoFile
from mtl.data.sources.coco_index import Flag
from mtl.data.sources.coco_layout import pictures_beside
from mtl.data.sources.file_source import FileSource
from mtl.data.sources.objects import Size, object_values
from mtl.data.sources.panoptic import panoptic_mask
from mtl.errors import BadFile


@dataclass(frozen=True)
class CocoPart:
    """What one file says of a split's images.

    Args:
        file: that one.
        images: (N,) the place of each sample's image in the file, -1 where it isn't.
        classes: C names, in the order of their indices; for masks without the background.
    """

    file: CocoFile
    images: npt.NDArray[np.int64]
    classes: tuple[str, ...]

    def table(self) -> npt.NDArray[np.int64]:
        """(categories,) the class of each category of the file, -1 for none."""
        index = {name: number for number, name in enumerate(self.classes)}
        return np.array([index.get(name, -1) for name in self.file.classes], np.int64)

    def some(self, rows: npt.NDArray[np.int64]) -> CocoPart:
        """The same of some samples."""
        return CocoPart(self.file, self.images[rows], self.classes)


class CocoSource(FileSource):
    """Samples with ``label``, ``labels`` and ``boxes`` of one file, ``mask`` of another.

    Args:
        folder: of the images.
        names: (N,) their names below it, bytes in UTF-8.
        objects: a file of objects.
        panoptic: a file of panoptic pictures.
    """

    def __init__(
        self,
        folder: Path,
        names: npt.NDArray[np.bytes_],
        objects: CocoPart | None,
        panoptic: CocoPart | None,
    ) -> None:
        self.folder = folder
        self.names = names
        self.objects = objects
        self.panoptic = panoptic
        self._class_of = None if objects is None else objects.table()

    def __len__(self) -> int:
        return len(self.names)

    def id(self, index: int) -> str:
        """The image's path."""
        return str(self._path(index))

    def read(self, index: int, size: int | None = None) -> Sample:
        """The sample at ``index``; see ``Source.read``."""
        path = self._path(index)
        image, full = read_image(path, size)
        shown = (image.shape[1], image.shape[0])
        return Sample(image, str(path), self._targets(index, full, shown), full)

    def annotations(self, index: int) -> Mapping[str, object]:
        """The targets in the pixels of the full image, without decoding it."""
        full = image_size(self._path(index))
        return self._targets(index, full, full)

    def files(self, index: int) -> list[Path]:
        """The image, the annotations and the panoptic picture."""
        parts = [part for part in (self.objects, self.panoptic) if part is not None]
        found = [self._path(index), *(part.file.path for part in parts)]
        segments = self._segments(index)
        return found if segments is None else [*found, segments[0]]

    def key(self) -> str:
        """The classes."""
        parts = [part and (part.classes, part.file.classes) for part in self._parts]
        return f"{type(self).__qualname__}{parts}"

    def some(self, rows: npt.NDArray[np.int64]) -> CocoSource:
        """The samples of these numbers, in their order."""
        objects, panoptic = (part and part.some(rows) for part in self._parts)
        return CocoSource(self.folder, self.names[rows], objects, panoptic)

    @property
    def _parts(self) -> tuple[CocoPart | None, CocoPart | None]:
        return self.objects, self.panoptic

    def _path(self, index: int) -> Path:
        name: bytes = self.names[index]
        return self.folder / name.decode("utf-8", "surrogatepass")

    def _targets(self, index: int, full: Size, shown: Size) -> dict[str, TargetValue]:
        targets: dict[str, TargetValue] = {}
        for part in self._parts:
            if part is not None and part.images[index] >= 0:
                _check_size(part.file, int(part.images[index]), full)
        if self.objects is not None and self.objects.images[index] >= 0:
            targets |= self._objects(self.objects, int(self.objects.images[index]), full, shown)
        segments = self._segments(index)
        if segments is not None:
            targets["mask"] = self._mask(*segments, full, shown)
        return targets

    def _objects(
        self, part: CocoPart, image: int, full: Size, shown: Size
    ) -> Mapping[str, TargetValue]:
        file = part.file
        rows, boxes = file.boxes(image, full)
        labels = self._class_of[file.arrays["category"][rows]]  # type: ignore[index]
        kept = labels >= 0
        rows, boxes, labels = rows[kept], boxes[kept], labels[kept]
        looked_for = self._looked_for(part, image, labels)
        if looked_for is not None and not looked_for.any() and not kept.any():
            return {}
        crowd = (file.arrays["flags"][rows] & Flag.CROWD) > 0
        return object_values(boxes, labels, crowd, len(part.classes), full, shown, looked_for)

    def _looked_for(
        self, part: CocoPart, image: int, labels: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_] | None:
        """Of which classes all objects are annotated: those of the file, or those that it lists."""
        table = self._class_of
        assert table is not None
        known = np.zeros(len(part.classes), np.bool_)
        if part.file.federated:
            negative = table[part.file.listed("negative", image)]
            partial = table[part.file.listed("partial", image)]
            known[negative[negative >= 0]] = True
            known[labels] = True
            known[partial[partial >= 0]] = False
        else:
            known[table[table >= 0]] = True
        return None if known.all() else known

    def _segments(self, index: int) -> tuple[Path, int] | None:
        """The panoptic picture of a sample and the row of what is said of it."""
        part = self.panoptic
        if part is None or part.images[index] < 0:
            return None
        rows = part.file.rows(int(part.images[index]))
        if rows.stop == rows.start:
            return None
        name = str(part.file.texts([rows.start])[0].get("file_name", ""))
        folder = pictures_beside(part.file.path)
        if not name or ".." in Path(name).parts or Path(name).is_absolute():
            raise part.file.broken(rows.start, f"has a file_name {name!r} outside {folder}")
        return folder / name, rows.start

    def _mask(self, path: Path, row: int, full: Size, shown: Size) -> npt.NDArray[np.uint8]:
        part = self.panoptic
        assert part is not None
        # Other categories than the chosen ones are background.
        index_of = {
            one["id"]: int(place) + 1
            for one, place in zip(part.file.categories, part.table(), strict=True)
        }
        try:
            mask = panoptic_mask(path, part.file.texts([row])[0]["segments_info"], index_of)
        except ValueError as error:
            raise BadFile(path, str(error)) from None
        height, width = mask.shape
        if (width, height) != full:
            raise BadFile(
                path, f"has {width}x{height} pixels, but its image has {full[0]}x{full[1]}"
            )
        if shown == full:
            return mask
        resized = cv2.resize(mask, shown, interpolation=cv2.INTER_NEAREST_EXACT)
        return np.asarray(resized, np.uint8)


def _check_size(file: CocoFile, image: int, full: Size) -> None:
    said = file.size(image)
    if said is not None and said != full:
        one, other = ("x".join(map(str, size)) for size in (said, full))
        raise BadFile(
            file.path, f"says that {file.name(image)} has {one} pixels, but the image has {other}"
        )


def rows_of(names: Sequence[str], file: CocoFile) -> npt.NDArray[np.int64]:
    """The place of each image in a file, -1 where it isn't."""
    place = {name: row for row, name in enumerate(file.names())}
    return np.array([place.get(name, -1) for name in names], np.int64)
