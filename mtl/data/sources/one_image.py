"""A single image without targets."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl.data.image_format import USUAL, ImageFormat
from mtl.data.sample import Sample
from mtl.data.sources.base import Source
from mtl.drawing.three import in_three


class OneImage(Source):
    """A file, or an image in memory.

    Args:
        image: the file, or what is in it: (H, W, 3) uint8 RGB, or as ``images`` says.
        images: how files become pixels.
    """

    def __init__(self, image: Path | npt.NDArray[Any], images: ImageFormat = USUAL) -> None:
        self.image = image
        self.images = images
        self.whole: npt.NDArray[np.uint8] | None = None
        """The image at full resolution, where it was read so, as people see it."""

    def __len__(self) -> int:
        return 1

    def id(self, index: int) -> str:
        """The file's path."""
        return str(self.image) if isinstance(self.image, Path) else ""

    def read(self, index: int, size: int | None = None) -> Sample:
        """The image; see ``Source.read``."""
        if not isinstance(self.image, Path):
            own = self.image if self.images.usual else self.images.of_array("", self.image)
            self.whole = in_three(own)
            return Sample(own, "")
        pixels, full = self.images.read(self.image, size)
        self.whole = in_three(pixels) if pixels.shape[1::-1] == full else None
        return Sample(pixels, self.id(index), size=full)
