"""A single image without targets."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from mtl.data.image_file import read_image
from mtl.data.sample import Sample
from mtl.data.sources.base import Source


class OneImage(Source):
    """A file, or an image in memory.

    Args:
        image: the file, or (H, W, 3) uint8 RGB.
    """

    def __init__(self, image: Path | npt.NDArray[np.uint8]) -> None:
        self.image = image
        self.whole: npt.NDArray[np.uint8] | None = None
        """The image at full resolution, where it was read so."""

    def __len__(self) -> int:
        return 1

    def id(self, index: int) -> str:
        """The file's path."""
        return str(self.image) if isinstance(self.image, Path) else ""

    def read(self, index: int, size: int | None = None) -> Sample:
        """The image; see ``Source.read``."""
        if not isinstance(self.image, Path):
            self.whole = self.image
            return Sample(self.image, "")
        pixels, full = read_image(self.image, size)
        self.whole = pixels if pixels.shape[1::-1] == full else None
        return Sample(pixels, self.id(index), size=full)
