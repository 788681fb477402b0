"""VOC's annotation files: parsing one, and turning it into targets."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from mtl.data.sample import TargetValue
from mtl.data.sources.folder_files import composed
from mtl.data.sources.objects import object_values
from mtl.data.sources.text_file import xml_text
from mtl.errors import BadFile

_SIDES = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class VocObject:
    """One ``<object>``.

    Args:
        name: of its class, without surrounding spaces.
        difficult: VOC's flag; False where the file doesn't say.
        box: (x1, y1, x2, y2) pixels, 0-based and half-open, not yet clipped to the image.
    """

    name: str
    difficult: bool
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Annotation:
    """One annotation file.

    Args:
        path: of the file.
        size: (width, height) of the image in pixels as the file says it, or None where it is
            silent (absent or zero).
        objects: in the order of the file.
    """

    path: Path
    size: tuple[int, int] | None
    objects: tuple[VocObject, ...]

    def check_size(self, size: tuple[int, int]) -> None:
        """Compare with the image's own (width, height).

        Raises:
            BadFile: the file speaks of an image of another size, so its boxes are wrong as well.
        """
        if self.size is not None and self.size != size:
            said, real = ("x".join(map(str, s)) for s in (self.size, size))
            raise BadFile(self.path, f"is for an image of {said} pixels, but its image has {real}")


def parse_annotation(path: Path) -> Annotation:
    """Parse a file; VOC's 1-based inclusive boxes become 0-based half-open ones.

    Only direct children count: the ``<part>`` boxes inside some objects are no objects.

    Raises:
        BadFile: no well-formed XML, or an object without name, or a box without four numbers or
            without extent.
    """
    root = _root(path)
    objects = tuple(
        _object(path, number, node) for number, node in enumerate(root.findall("object"), start=1)
    )
    return Annotation(path, _size(root), objects)


def class_names(path: Path) -> set[str] | None:
    """The class names in a file, or None where it is broken (reading its sample will tell why)."""
    try:
        root = _root(path)
    except BadFile:
        return None
    return {name for node in root.findall("object") if (name := composed(_text(node, "name")))}


def select(
    annotation: Annotation, classes: Sequence[str], dropped: Collection[str] | None
) -> list[tuple[int, VocObject]]:
    """The objects of the chosen classes, each with its class index.

    Args:
        annotation: what the file says.
        classes: the chosen names, in the order of their indices.
        dropped: names of objects to leave out quietly; None for every other name.

    Raises:
        BadFile: an object's class is neither chosen nor dropped.
    """
    index = {name: number for number, name in enumerate(classes)}
    found = []
    for obj in annotation.objects:
        if obj.name in index:
            found.append((index[obj.name], obj))
        elif dropped is not None and obj.name not in dropped:
            known = ", ".join(classes)
            raise BadFile(
                annotation.path, f"has an object of the unknown class {obj.name!r} (known: {known})"
            )
    return found


def object_targets(
    annotation: Annotation,
    classes: Sequence[str],
    dropped: Collection[str] | None,
    full: tuple[int, int],
    shown: tuple[int, int],
) -> Mapping[str, TargetValue]:
    """The targets ``label``, ``labels`` and ``boxes`` of one image; see ``object_values``.

    Args:
        annotation: what the file says.
        classes: see ``select``.
        dropped: see ``select``.
        full: (width, height) of the image at full resolution, pixels.
        shown: (width, height) that the boxes shall be in.

    Raises:
        BadFile: see ``select``; or a box lies outside the image. One that lies partly outside is
            clipped.
    """
    annotation.check_size(full)
    chosen = select(annotation, classes, dropped)
    boxes = np.zeros((len(chosen), 4))
    for row, (_, obj) in enumerate(chosen):
        boxes[row] = np.clip(obj.box, 0, [*full, *full])
        if boxes[row, 0] >= boxes[row, 2] or boxes[row, 1] >= boxes[row, 3]:
            raise BadFile(
                annotation.path,
                f"the box of object {annotation.objects.index(obj) + 1} ({obj.name}), "
                f"{_numbers(obj)}, lies outside the image of {full[0]}x{full[1]} pixels",
            )
    labels = np.array([index for index, _ in chosen], np.int64)
    difficult = np.array([obj.difficult for _, obj in chosen], np.bool_)
    return object_values(boxes, labels, difficult, len(classes), full, shown)


def _root(path: Path) -> ElementTree.Element:
    try:
        root = ElementTree.fromstring(xml_text(path).strip("\ufeff\0 \t\r\n"))
    except (ElementTree.ParseError, ValueError) as error:
        raise BadFile(path, f"is not well-formed XML ({error})") from None
    for node in root.iter():
        # Some tools put everything into a namespace of their own.
        if isinstance(node.tag, str):
            node.tag = node.tag.rpartition("}")[2]
    if root.tag != "annotation":
        raise BadFile(path, f"is no VOC annotation (it begins with <{root.tag}>)")
    return root


def _object(path: Path, number: int, node: ElementTree.Element) -> VocObject:
    name = composed(_text(node, "name"))
    if not name:
        raise BadFile(path, f"object {number} has no name")
    corners = node.find("bndbox")
    if corners is None:
        raise BadFile(path, f"object {number} ({name}) has no bndbox")
    numbers = [_number(_text(corners, side)) for side in _SIDES]
    if not all(map(math.isfinite, numbers)):
        said = ", ".join(f"{side}={_text(corners, side) or 'nothing'}" for side in _SIDES)
        raise BadFile(path, f"the box of object {number} ({name}) isn't four numbers: {said}")
    x1, y1, x2, y2 = numbers
    # Pixels count from 1: of all boxes that end at 1 only one is the first pixel.
    if max(x2, y2) <= 1 and min(x1, y1) >= 0 and numbers != [1, 1, 1, 1]:
        said = " ".join(f"{side}={value:g}" for side, value in zip(_SIDES, numbers, strict=True))
        raise BadFile(
            path,
            f"the box of object {number} ({name}), {said}, lies within one pixel (0 to 1 "
            "coordinates?); VOC's boxes are in pixels",
        )
    difficult = _text(node, "difficult").lower() in ("1", "true", "yes")
    found = VocObject(name, difficult, (x1 - 1, y1 - 1, x2, y2))
    if x2 <= x1 - 1 or y2 <= y1 - 1:
        side = "width" if x2 <= x1 - 1 else "height"
        raise BadFile(
            path, f"the box of object {number} ({name}), {_numbers(found)}, has no {side}"
        )
    return found


def _size(root: ElementTree.Element) -> tuple[int, int] | None:
    width, height = (_number(_text(root, f"size/{side}")) for side in ("width", "height"))
    stated = 0 < width < math.inf and 0 < height < math.inf
    return (int(width), int(height)) if stated else None


def _text(node: ElementTree.Element, name: str) -> str:
    return (node.findtext(name) or "").strip()


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _numbers(obj: VocObject) -> str:
    """The box as the file writes it."""
    x1, y1, x2, y2 = obj.box
    return " ".join(
        f"{side}={value:g}" for side, value in zip(_SIDES, (x1 + 1, y1 + 1, x2, y2), strict=True)
    )
