"""What a JSON file in COCO's format holds, as arrays; its objects stay where they are."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Hashable, Mapping, Sequence
from enum import IntFlag
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl.data.sources.json_items import JsonItem, json_items
from mtl.errors import BadFile

VERSION = "coco 2"
Array = npt.NDArray[Any]
_NO_BOX = (math.nan,) * 4
_NO = frozenset({"0", "0.0", "false", "no"})
"""What text says that stands for 0, as converters of tables write it."""


class Flag(IntFlag):
    """What an annotation is and has."""

    CROWD = 1
    KEYPOINTS = 2
    SEGMENTATION = 4
    SEGMENTS = 8
    """A list of the segments in a panoptic picture."""


def read_index(path: Path) -> dict[str, Array]:
    """Read a file once.

    Returns:
        ``names`` (I,) bytes in UTF-8, ``sizes`` (I, 2) int32, 0 where not said, and ``ends`` (I,),
        behind an image's last annotation, of the images; ``start``, ``end``, the bytes of an
        annotation in the file, ``box`` (x, y, width, height; NaN where there are no four
        numbers), ``category`` (its place in the file's list, -1 for none) and ``flags`` of the
        annotations, image by image; ``negative``, ``negative_ends``, ``partial`` and
        ``partial_ends``, the categories that an image is said not to show, and those of which not
        all objects are annotated (LVIS); ``about``, what ``about`` reads.

    Raises:
        BadFile: it is no such file; a single broken annotation is told when it is read.
    """
    images, annotations, categories = _Images(path), _Annotations(path), _Categories(path)
    readers: dict[str, _Images | _Annotations | _Categories] = {
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }
    there = set()
    for item in json_items(path):
        there.add(item.key)
        if item.key in readers and item.value is not None:
            readers[item.key].add(item)
    for key in readers:
        if key not in there:
            raise BadFile(path, f"has no {key}; a file in COCO's format has {', '.join(readers)}")
    row_of = images.rows()
    category_of = categories.rows()
    image = np.array([row_of.get(one, -1) for one in annotations.images], np.int32)
    unknown = image < 0
    if len(unknown) and unknown.all():
        raise BadFile(
            path,
            f"has no annotation of an image that it lists: their image_id is such as "
            f"{annotations.images[0]!r}, and its images have ids such as "
            f"{next(iter(row_of), 'none')!r}",
        )
    order = np.argsort(image, kind="stable")[int(unknown.sum()) :]
    columns = annotations.columns(category_of)
    about = {
        "categories": categories.found,
        "unknown": int(unknown.sum()),
        "unknown_image": str(annotations.images[int(unknown.argmax())]) if unknown.any() else "",
    }
    return {
        **images.columns(category_of),
        **{name: column[order] for name, column in columns.items()},
        "ends": np.bincount(image[order], minlength=len(row_of)).cumsum(),
        "about": np.frombuffer(json.dumps(about).encode(), np.uint8),
    }


class _Images:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: list[bytes] = []
        self.ids: list[Hashable] = []
        self.sizes = array("q")
        self.lists: dict[str, list[Sequence[Any]]] = {"negative": [], "partial": []}

    def add(self, item: JsonItem) -> None:
        value, place = item.value, len(self.ids)
        if not isinstance(value, dict):
            raise BadFile(self.path, f"number {place + 1} of its images is no object")
        # LVIS says where the image lies on a server; split and file are the end of that.
        url = str(value.get("coco_url", ""))
        name = value.get("file_name") or "/".join(url.split("/")[-2:])
        if not isinstance(name, str) or not name:
            raise BadFile(self.path, f"number {place + 1} of its images has no file_name")
        self.ids.append(_id(self.path, value, "id", f"image {name}"))
        self.names.append(name.replace("\\", "/").encode("utf-8", "surrogatepass"))
        self.sizes.extend(_whole(value.get(side)) for side in ("width", "height"))
        self.lists["negative"].append(_list(value.get("neg_category_ids")))
        self.lists["partial"].append(_list(value.get("not_exhaustive_category_ids")))

    def rows(self) -> dict[Hashable, int]:
        rows = {one: row for row, one in enumerate(self.ids)}
        if len(rows) < len(self.ids):
            twice = next(one for row, one in enumerate(self.ids) if rows[one] != row)
            raise BadFile(self.path, f"has two images of the id {twice}")
        row_of = {name: row for row, name in enumerate(self.names)}
        if len(row_of) < len(self.names):
            place = next(row for row, name in enumerate(self.names) if row_of[name] != row)
            name = self.names[place].decode("utf-8", "surrogatepass")
            one, other = self.ids[place], self.ids[row_of[self.names[place]]]
            raise BadFile(self.path, f"lists {name} twice, as the images of the ids {one}, {other}")
        return rows

    def columns(self, category_of: Mapping[Hashable, int]) -> dict[str, Array]:
        found: dict[str, Array] = {
            "names": np.array(self.names, np.bytes_),
            "sizes": np.array(self.sizes, np.int64).reshape(-1, 2).astype(np.int32),
        }
        for name, lists in self.lists.items():
            rows = [[category_of[one] for one in known if one in category_of] for known in lists]
            found[name] = np.array([one for row in rows for one in row], np.int32)
            found[f"{name}_ends"] = np.cumsum([len(row) for row in rows], dtype=np.int64)
        return found


class _Annotations:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.images: list[Hashable] = []
        self.categories: list[Hashable] = []
        self.boxes, self.spans, self.flags = array("d"), array("q"), array("B")

    def add(self, item: JsonItem) -> None:
        value = item.value
        if not isinstance(value, dict):
            number = len(self.images) + 1
            raise BadFile(self.path, f"number {number} of its annotations is no object")
        self.images.append(_id(self.path, value, "image_id", "an annotation"))
        category = value.get("category_id")
        self.categories.append(category if isinstance(category, int | str) else None)
        self.boxes.extend(_box(value.get("bbox")))
        self.spans.extend((item.start, item.end))
        crowd, keypoints = value.get("iscrowd"), value.get("keypoints")
        self.flags.append(
            Flag.CROWD * (bool(crowd) and str(crowd).lower() not in _NO)
            | Flag.KEYPOINTS * bool(keypoints)
            | Flag.SEGMENTATION * bool(value.get("segmentation"))
            | Flag.SEGMENTS * isinstance(value.get("segments_info"), list)
        )

    def columns(self, category_of: Mapping[Hashable, int]) -> dict[str, Array]:
        spans = np.array(self.spans, np.int64).reshape(-1, 2)
        return {
            "start": spans[:, 0],
            "end": spans[:, 1],
            "box": np.array(self.boxes, np.float64).reshape(-1, 4),
            "category": np.array([category_of.get(c, -1) for c in self.categories], np.int32),
            "flags": np.array(self.flags, np.uint8),
        }


class _Categories:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: list[dict[str, Any]] = []

    def add(self, item: JsonItem) -> None:
        value = item.value
        if not isinstance(value, dict) or not str(value.get("name") or "").strip():
            raise BadFile(self.path, f"number {len(self.found) + 1} of its categories has no name")
        _id(self.path, value, "id", f"category {value['name']}")
        self.found.append(value)

    def rows(self) -> dict[Hashable, int]:
        rows = {value["id"]: row for row, value in enumerate(self.found)}
        if len(rows) < len(self.found):
            ids = [value["id"] for value in self.found]
            raise BadFile(
                self.path,
                f"has two categories of the id {next(i for i in ids if ids.count(i) > 1)}",
            )
        return rows


def _id(path: Path, value: Mapping[str, Any], key: str, what: str) -> Hashable:
    found = value.get(key)
    if not isinstance(found, int | str):
        raise BadFile(path, f"{what} has no {key}")
    return found


def _box(value: Any) -> tuple[float, float, float, float]:
    if not isinstance(value, list) or len(value) != 4:
        return _NO_BOX
    try:
        x, y, width, height = map(float, value)
    except (TypeError, ValueError):
        return _NO_BOX
    return x, y, width, height


def _whole(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and 0 < value < 2**31 else 0


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
