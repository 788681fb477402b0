"""What one file in COCO's format says of a split's images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mtl.data.sources.coco_file import CocoFile
from mtl.data.sources.objects import Size
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

    @cached_property
    def class_of(self) -> npt.NDArray[np.int64]:
        """(categories,) the class of each category of the file, -1 for none."""
        index = {name: number for number, name in enumerate(self.classes)}
        return np.array([index.get(name, -1) for name in self.file.classes], np.int64)

    def some(self, rows: npt.NDArray[np.int64]) -> CocoPart:
        """The same of some samples."""
        return CocoPart(self.file, self.images[rows], self.classes)

    def looked_for(self, image: int, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_] | None:
        """Of which classes all objects are annotated: those of the file, or those that it lists.

        Args:
            image: its place in the file.
            labels: the classes of its objects.

        Returns:
            (C,), or None for all.
        """
        table = self.class_of
        known = np.zeros(len(self.classes), np.bool_)
        if self.file.federated:
            negative = table[self.file.listed("negative", image)]
            partial = table[self.file.listed("partial", image)]
            known[negative[negative >= 0]] = True
            known[labels] = True
            known[partial[partial >= 0]] = False
        else:
            known[table[table >= 0]] = True
        return None if known.all() else known

    def check_size(self, image: int, full: Size) -> None:
        """Compare what the file says of an image's size with the image.

        Raises:
            BadFile: they differ, so places in it are wrong as well.
        """
        said = self.file.size(image)
        if said is not None and said != full:
            one, other = ("x".join(map(str, size)) for size in (said, full))
            name = self.file.name(image)
            raise BadFile(
                self.file.path, f"says that {name} has {one} pixels, but the image has {other}"
            )


def rows_of(names: Sequence[str], file: CocoFile) -> npt.NDArray[np.int64]:
    """The place of each image in a file, -1 where it isn't."""
    place = {name: row for row, name in enumerate(file.names())}
    return np.array([place.get(name, -1) for name in names], np.int64)
