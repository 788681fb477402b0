"""What predicts: a run's network, or anything else that decides on a batch of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mtl.data.image_format import ImageFormat
from mtl.data.sample import Target
from mtl.data.tile import Tile
from mtl.model.figures.predictions import Drawing

Picture = npt.NDArray[np.uint8]
"""(H, W, 3) RGB."""


class Speaker(Drawing, Protocol):
    """What one task has to say; every ``Head`` is one."""

    @property
    def coco_key(self) -> str | None:
        """See ``Head``."""

    @property
    def target(self) -> Target:
        """Kind and classes."""

    @property
    def joins_tiles(self) -> bool:
        """See ``Head``."""

    def from_tiles(self, predictions: Sequence[Any], tiles: Sequence[Tile]) -> Any:
        """See ``Head``."""

    def record(self, prediction: Any) -> Mapping[str, Any]:
        """See ``Head``."""


@dataclass(frozen=True)
class Prepared:
    """A picture as the decider takes it.

    Args:
        content: the decider's own affair.
        width: of the picture at full resolution, pixels.
        height: likewise.
        pixels: the picture at full resolution, where it was at hand; not to be changed.
    """

    content: Any
    width: int
    height: int
    pixels: Picture | None


class Decider(Protocol):
    """Decides on pictures.

    ``prepared`` and ``in_pixels`` are called on several threads at a time, ``decide`` on one.
    """

    batch_size: int
    images: ImageFormat

    @property
    def tasks(self) -> Mapping[str, Speaker]:
        """Who speaks for each task."""

    def prepared(self, image: Path | Picture) -> Prepared:
        """A file, or what lies in memory, as ``decide`` takes it.

        Raises:
            BadFile: the file can't be read.
        """

    def decide(self, batch: Sequence[Prepared]) -> Sequence[Any]:
        """Decide on pictures, ``batch_size`` at most together; what comes out is its own affair."""

    def in_pixels(self, decided: Any, prepared: Prepared) -> dict[str, Any]:
        """Task to prediction in the pixels of the picture, of one that ``decide`` gave."""
