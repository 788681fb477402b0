"""One file in COCO's format, image by image."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl.data.sources.coco_index import VERSION, Flag, read_index
from mtl.data.sources.folder_files import composed
from mtl.data.sources.kept_arrays import kept_arrays
from mtl.errors import BadFile


class CocoFile:
    """A file's images, annotations and categories; the annotations' texts are read when needed.

    Args:
        path: of the file.
        kept: the folder in which a large file's index is kept.

    Raises:
        BadFile: it is no such file.
    """

    def __init__(self, path: Path, kept: Path) -> None:
        self.path = path
        self.arrays = kept_arrays(path, kept, VERSION, lambda: read_index(path))
        about = json.loads(self.arrays["about"].tobytes())
        self.categories: list[dict[str, Any]] = about["categories"]
        self.unknown: int = about["unknown"]
        """Annotations of images that the file doesn't list."""
        self.unknown_image: str = about["unknown_image"]

    def __len__(self) -> int:
        return len(self.arrays["names"])

    def name(self, image: int) -> str:
        """An image's file name, perhaps with folders."""
        found: bytes = self.arrays["names"][image]
        return found.decode("utf-8", "surrogatepass")

    def names(self) -> list[str]:
        """All of them."""
        return [name.decode("utf-8", "surrogatepass") for name in self.arrays["names"].tolist()]

    def size(self, image: int) -> tuple[int, int] | None:
        """(width, height) as the file says it, or None."""
        width, height = self.arrays["sizes"][image].tolist()
        return (width, height) if width and height else None

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The categories' names, in the file's order."""
        return tuple(composed(str(one["name"]).strip()) for one in self.categories)

    @cached_property
    def in_order(self) -> tuple[str, ...]:
        """The names by their ids, each once."""
        ids = [one["id"] for one in self.categories]
        if not all(isinstance(one, int) for one in ids):
            ids = list(map(str, ids))
        order = sorted(range(len(ids)), key=ids.__getitem__)
        return tuple(dict.fromkeys(self.classes[place] for place in order))

    @cached_property
    def flags(self) -> Flag:
        """All that some annotation is or has."""
        return Flag(int(np.bitwise_or.reduce(self.arrays["flags"], initial=0)))

    @property
    def without_extent(self) -> int:
        """How many boxes are 0 wide or high."""
        return int((self.arrays["box"][:, 2:] == 0).any(axis=1).sum())

    @property
    def federated(self) -> bool:
        """Whether it says for each image which categories were looked for, as LVIS does."""
        return len(self.arrays["negative"]) > 0

    def rows(self, image: int) -> slice:
        """An image's annotations."""
        ends = self.arrays["ends"]
        return slice(int(ends[image - 1]) if image else 0, int(ends[image]))

    def listed(self, which: str, image: int) -> npt.NDArray[np.int32]:
        """An image's ``negative`` or ``partial`` categories, by their places."""
        ends = self.arrays[f"{which}_ends"]
        start = int(ends[image - 1]) if image else 0
        return self.arrays[which][start : int(ends[image])]

    def texts(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """What the file says of some annotations.

        Raises:
            BadFile: it has changed since it was opened.
        """
        start, end = self.arrays["start"], self.arrays["end"]
        try:
            with self.path.open("rb") as file:
                found = []
                for row in rows:
                    file.seek(int(start[row]))
                    found.append(json.loads(file.read(int(end[row] - start[row]))))
                return found
        except (OSError, ValueError) as error:
            raise BadFile(self.path, f"has changed since it was opened ({error})") from None

    def broken(self, row: int, reason: str) -> BadFile:
        """What to raise for an annotation.

        Args:
            row: of the annotation.
            reason: what is wrong with it.
        """
        said = self.texts([row])[0]
        return BadFile(
            self.path, f"annotation {said.get('id', '')} of image {said.get('image_id')} {reason}"
        )

    def boxes(
        self, image: int, full: tuple[int, int]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """An image's objects that have an extent: (N,) rows, and (N, 4) xyxy inside the image.

        Args:
            image: its place in the file.
            full: its (width, height), pixels.

        Raises:
            BadFile: a category or box is none, or a box lies outside the image.
        """
        where = self.rows(image)
        box, category = self.arrays["box"][where], self.arrays["category"][where]
        for wrong, reason in (
            (category < 0, "has a category_id that is none of the categories'"),
            (~np.isfinite(box).all(axis=1), "has a bbox that isn't four numbers"),
            ((box[:, 2:] < 0).any(axis=1), "has a bbox of negative width or height"),
        ):
            if wrong.any():
                raise self.broken(where.start + int(wrong.argmax()), reason)
        some = np.flatnonzero((box[:, 2:] > 0).all(axis=1))
        whole = np.concatenate([box[some, :2], box[some, :2] + box[some, 2:]], axis=1)
        inside = np.clip(whole, 0, [*full, *full])
        outside = (inside[:, 2:] <= inside[:, :2]).any(axis=1)
        if outside.any():
            raise self.broken(
                where.start + int(some[outside.argmax()]),
                f"has a bbox outside the image of {full[0]}x{full[1]} pixels",
            )
        return where.start + some, inside
