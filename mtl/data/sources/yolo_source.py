"""One split of a YOLO data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mtl.data.image_format import USUAL
from mtl.data.masks import Crop
from mtl.data.poses import Poses
from mtl.data.sample import Sample, TargetValue
from mtl.data.sources.file_source import FileSource
from mtl.data.sources.first_seen import FirstSeen
from mtl.data.sources.object_areas import area_of, with_areas
from mtl.data.sources.objects import Size, object_values
from mtl.data.sources.yolo_description import YoloDescription
from mtl.data.sources.yolo_labels import YoloObject, parse_labels
from mtl.data.sources.yolo_layout import label_file
from mtl.errors import BadFile


class YoloSource(FileSource):
    """Samples with ``label``, ``labels``, ``boxes``; ``instances``, or ``keypoints`` and ``poses``.

    Args:
        images: their files.
        root: of the data.
        labels: the name of the folder of label files.
        description: what the data set says of itself.
        classes: C names, in the order of their indices; objects of others are left out.
        polygons: whether the label files hold polygons.
        background: whether an image without a label file has no objects; else it lacks the targets.
    """

    def __init__(
        self,
        images: Sequence[Path],
        root: Path,
        labels: str,
        description: YoloDescription,
        classes: tuple[str, ...],
        polygons: bool,
        background: bool,
    ) -> None:
        self.images = list(images)
        self.root = root
        self.labels = labels
        self.description = description
        self.classes = classes
        self.polygons = polygons
        self.background = background
        self._there = FirstSeen()
        self._keypoints = (
            (len(description.points), description.width) if description.points else None
        )

    def __len__(self) -> int:
        return len(self.images)

    def id(self, index: int) -> str:
        """The image's path."""
        return str(self.images[index])

    def read(self, index: int, size: int | None = None) -> Sample:
        """The sample at ``index``; see ``Source.read``."""
        path = self.images[index]
        image, full = USUAL.read(path, size)
        shown = (image.shape[1], image.shape[0])
        return Sample(image, str(path), self._targets(index, full, shown), full)

    def annotations(self, index: int) -> Mapping[str, object]:
        """The targets in the pixels of the full image, without decoding it."""
        full = USUAL.size(self.images[index])
        return self._targets(index, full, full)

    def files(self, index: int) -> list[Path]:
        """The image and its label file."""
        return [self.images[index], self._label_file(index)]

    def key(self) -> str:
        """What the numbers mean, and which are kept."""
        numbers, points = dict(self.description.names), self._keypoints
        rest = (self.classes, numbers, points, self.polygons, self.background, self.labels)
        return f"{type(self).__qualname__}{rest}"

    def _label_file(self, index: int) -> Path:
        return label_file(self.images[index], self.root, self.labels)

    def _targets(self, index: int, full: Size, shown: Size) -> dict[str, TargetValue]:
        file = self._label_file(index)
        if not self.background and file not in self._there:
            return {}
        objects, labels = self._known(file)
        boxes = np.array([one.box for one in objects]).reshape(-1, 4) * [*full, *full]
        sure = np.zeros(len(objects), np.bool_)
        values = object_values(boxes, labels, sure, len(self.classes), full, shown)
        targets = dict(values)
        if self.polygons and all(one.polygon is not None for one in objects):
            areas = (_area(one, full) for one in objects)
            targets["instances"] = with_areas(targets["boxes"], areas, full, shown)
        if self._keypoints is not None:
            points = [one.points for one in objects if one.points is not None]
            side = np.array([*shown, 1])
            count = self._keypoints[0]
            placed = (np.array(points).reshape(-1, count, 3) * side).astype(np.float32)
            targets |= {"keypoints": placed, "poses": Poses.of(targets["boxes"], placed)}
        return targets

    def _known(self, file: Path) -> tuple[list[YoloObject], npt.NDArray[np.int64]]:
        """A file's objects of the chosen classes, and their class indices.

        Raises:
            BadFile: a class has a number without a name.
        """
        names = self.description.names
        objects = parse_labels(file, self._keypoints) if file in self._there else []
        odd = next((one.number for one in objects if one.number not in names), None)
        if odd is not None:
            raise BadFile(
                file,
                f"has an object of class {odd}; {self.description.file.name} names "
                f"{min(names)} to {max(names)}"
                + (", with gaps" if len(names) <= max(names) - min(names) else ""),
            )
        index = {name: place for place, name in enumerate(self.classes)}
        kept = [one for one in objects if names[one.number] in index]
        return kept, np.array([index[names[one.number]] for one in kept], np.int64)


def _area(one: YoloObject, full: Size) -> Crop:
    assert one.polygon is not None
    return area_of([(one.polygon * full).ravel().tolist()], full)
