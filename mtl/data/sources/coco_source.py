"""One split of data in COCO's format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mtl.data.image_format import USUAL
from mtl.data.masks import Crop
from mtl.data.poses import Poses
from mtl.data.sample import IGNORE_PIXEL, Sample, TargetValue
from mtl.data.sources.coco_file import CocoFile
from mtl.data.sources.coco_index import Flag
from mtl.data.sources.coco_keypoints import keypoints_of, posed
from mtl.data.sources.coco_layout import pictures_beside
from mtl.data.sources.coco_part import CocoPart
from mtl.data.sources.file_source import FileSource
from mtl.data.sources.object_areas import area_of, with_areas
from mtl.data.sources.objects import Size, object_values
from mtl.data.sources.panoptic import panoptic_mask
from mtl.errors import BadFile

Parts = tuple[CocoPart | None, CocoPart | None, CocoPart | None]


class CocoSource(FileSource):
    """Samples with the targets of objects, keypoints and regions.

    Args:
        folder: of the images.
        names: (N,) their names below it, bytes in UTF-8.
        parts: a file of objects, one of panoptic pictures or of stuff, and one of keypoints, which
            may be the first.
        points: how many an object has.
        areas: whether objects' polygons and run lengths are read.
    """

    def __init__(
        self,
        folder: Path,
        names: npt.NDArray[np.bytes_],
        parts: Parts,
        points: int,
        areas: bool,
    ) -> None:
        self.folder = folder
        self.names = names
        self.parts = parts
        self.objects, self.regions, self.keypoints = parts
        self.points = points
        self.areas = areas

    def __len__(self) -> int:
        return len(self.names)

    def id(self, index: int) -> str:
        """The image's path."""
        return str(self._path(index))

    def read(self, index: int, size: int | None = None) -> Sample:
        """The sample at ``index``; see ``Source.read``."""
        path = self._path(index)
        image, full = USUAL.read(path, size)
        shown = (image.shape[1], image.shape[0])
        return Sample(image, str(path), self._targets(index, full, shown), full)

    def annotations(self, index: int) -> Mapping[str, object]:
        """The targets in the pixels of the full image, without decoding it."""
        full = USUAL.size(self._path(index))
        return self._targets(index, full, full)

    def files(self, index: int) -> list[Path]:
        """The image, the annotations and the panoptic picture."""
        paths = dict.fromkeys(part.file.path for part in self.parts if part is not None)
        found = [self._path(index), *paths]
        segments = self._segments(index)
        return found if segments is None else [*found, segments[0]]

    def key(self) -> str:
        """The classes, and whether areas are read."""
        parts = [part and (part.classes, part.file.classes) for part in self.parts]
        return f"{type(self).__qualname__}{parts}{self.points}{self.areas}"

    def some(self, rows: npt.NDArray[np.int64]) -> CocoSource:
        """The samples of these numbers, in their order."""
        objects, regions, keypoints = (part and part.some(rows) for part in self.parts)
        parts = objects, regions, keypoints
        return CocoSource(self.folder, self.names[rows], parts, self.points, self.areas)

    def _path(self, index: int) -> Path:
        name: bytes = self.names[index]
        return self.folder / name.decode("utf-8", "surrogatepass")

    def _targets(self, index: int, full: Size, shown: Size) -> dict[str, TargetValue]:
        targets: dict[str, TargetValue] = {}
        for part in self.parts:
            if part is not None and part.images[index] >= 0:
                part.check_size(int(part.images[index]), full)
        if self.objects is not None and self.objects.images[index] >= 0:
            targets |= self._objects(self.objects, int(self.objects.images[index]), full, shown)
        if self.keypoints is not None and self.keypoints.images[index] >= 0:
            targets |= self._poses(self.keypoints, int(self.keypoints.images[index]), full, shown)
        mask = self._mask(index, full)
        if mask is not None:
            if shown != full:
                resized = cv2.resize(mask, shown, interpolation=cv2.INTER_NEAREST_EXACT)
                mask = np.asarray(resized, np.uint8)
            targets["mask"] = mask
        return targets

    def _objects(
        self, part: CocoPart, image: int, full: Size, shown: Size
    ) -> Mapping[str, TargetValue]:
        rows, values = self._boxes(part, image, full, shown)
        flags = part.file.arrays["flags"][rows]
        if not values or not self.areas or not (flags & Flag.SEGMENTATION > 0).all():
            return values
        areas = self._areas(part.file, rows.tolist(), full)
        return {**values, "instances": with_areas(values["boxes"], areas, full, shown)}

    def _boxes(
        self, part: CocoPart, image: int, full: Size, shown: Size
    ) -> tuple[npt.NDArray[np.int64], Mapping[str, TargetValue]]:
        """The rows of an image's objects, and what boxes tell; nothing where none is known."""
        file = part.file
        rows, boxes = file.boxes(image, full)
        labels = part.class_of[file.arrays["category"][rows]]
        kept = labels >= 0
        rows, boxes, labels = rows[kept], boxes[kept], labels[kept]
        looked_for = part.looked_for(image, labels)
        if looked_for is not None and not looked_for.any() and not kept.any():
            return rows, {}
        crowd = (file.arrays["flags"][rows] & Flag.CROWD) > 0
        count = len(part.classes)
        return rows, object_values(boxes, labels, crowd, count, full, shown, looked_for)

    def _poses(
        self, part: CocoPart, image: int, full: Size, shown: Size
    ) -> Mapping[str, TargetValue]:
        rows, values = self._boxes(part, image, full, shown)
        scale = (shown[0] / full[0], shown[1] / full[1])
        points = keypoints_of(part.file, rows, self.points, scale)
        found = {"keypoints": points[posed(part.file, rows)]}
        return {**found, "poses": Poses.of(values["boxes"], points)} if values else found

    def _areas(self, file: CocoFile, rows: list[int], full: Size) -> Iterator[Crop]:
        for row, said in zip(rows, file.texts(rows), strict=True):
            try:
                yield area_of(said["segmentation"], full)
            except ValueError as error:
                raise file.broken(row, str(error)) from None

    def _segments(self, index: int) -> tuple[Path, int] | None:
        """The panoptic picture of a sample and the row of what is said of it."""
        part, rows = self.regions, self._region_rows(index)
        if part is None or not rows or not part.file.flags & Flag.SEGMENTS:
            return None
        name = str(part.file.texts([rows[0]])[0].get("file_name", ""))
        folder = pictures_beside(part.file.path)
        if not name or ".." in Path(name).parts or Path(name).is_absolute():
            raise part.file.broken(rows[0], f"has a file_name {name!r} outside {folder}")
        return folder / name, rows[0]

    def _region_rows(self, index: int) -> list[int]:
        """What is said of a sample's regions."""
        part = self.regions
        if part is None or part.images[index] < 0:
            return []
        rows = part.file.rows(int(part.images[index]))
        return list(range(rows.start, rows.stop))

    def _mask(self, index: int, full: Size) -> npt.NDArray[np.uint8] | None:
        """(H, W); other categories than the chosen ones are background, what has none ignored."""
        part, rows = self.regions, self._region_rows(index)
        if part is None or not rows:
            return None
        segments = self._segments(index)
        if segments is not None:
            return self._panoptic(part, *segments, full)
        mask = np.full((full[1], full[0]), IGNORE_PIXEL, np.uint8)
        for row, (left, top, pixels) in zip(rows, self._areas(part.file, rows, full), strict=True):
            category = int(part.file.arrays["category"][row])
            if category < 0:
                raise part.file.broken(row, "has a category_id that is none of the categories'")
            height, width = pixels.shape
            mask[top : top + height, left : left + width][pixels] = part.class_of[category] + 1
        return mask

    def _panoptic(self, part: CocoPart, path: Path, row: int, full: Size) -> npt.NDArray[np.uint8]:
        index_of = {
            one["id"]: int(place) + 1
            for one, place in zip(part.file.categories, part.class_of, strict=True)
        }
        try:
            mask = panoptic_mask(path, part.file.texts([row])[0].get("segments_info"), index_of)
        except ValueError as error:
            raise BadFile(path, str(error)) from None
        height, width = mask.shape
        if (width, height) != full:
            raise BadFile(
                path, f"has {width}x{height} pixels, but its image has {full[0]}x{full[1]}"
            )
        return mask
