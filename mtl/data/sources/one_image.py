"""Image files without targets."""

from collections.abc import Sequence
from pathlib import Path

from mtl.data.image_file import read_image
from mtl.data.sample import Sample
from mtl.data.sources.base import Source


class ImageList(Source):
    """Files in a given order.

    Args:
        paths: the files.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = list(paths)

    def __len__(self) -> int:
        return len(self.paths)

    def id(self, index: int) -> str:
        """The image's path."""
        return str(self.paths[index])

    def read(self, index: int, size: int | None = None) -> Sample:
        """The image; see ``Source.read``."""
        image, full = read_image(self.paths[index], size)
        return Sample(image, self.id(index), size=full)
