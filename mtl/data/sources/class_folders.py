"""Images whose class is told by the folder that they are in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mtl.data.image_format import USUAL
from mtl.data.sample import Sample
from mtl.data.sources.file_source import FileSource

Item = tuple[Path, str, int]
"""An image's file, the target that it is labelled for and its class index."""


class ClassFolderSource(FileSource):
    """Samples with a label each.

    Args:
        items: the images.
        classes: the names behind the indices, the same for all targets.
    """

    def __init__(self, items: Sequence[Item], classes: tuple[str, ...]) -> None:
        self.items = list(items)
        self.classes = classes

    def __len__(self) -> int:
        return len(self.items)

    def id(self, index: int) -> str:
        """The image's path."""
        return str(self.items[index][0])

    def read(self, index: int, size: int | None = None) -> Sample:
        """The sample at ``index``; see ``Source.read``."""
        path = self.items[index][0]
        image, full = USUAL.read(path, size)
        return Sample(image, str(path), self.annotations(index), full)

    def annotations(self, index: int) -> Mapping[str, object]:
        """The label, which the folder's name tells."""
        _, target, label = self.items[index]
        return {target: label}

    def strata(self) -> Sequence[tuple[str, int]]:
        """Targets and labels."""
        return [(target, label) for _, target, label in self.items]

    def files(self, index: int) -> list[Path]:
        """The image."""
        return [self.items[index][0]]

    def key(self) -> str:
        """The classes."""
        return f"{type(self).__qualname__}{self.classes}"
