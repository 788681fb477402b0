"""One picture on its way to the network."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from mtl.data.image_file import read_image
from mtl.data.tile import Tile, Tiling, tiles_of
from mtl.drawing.three import in_three
from mtl.runs.prediction.decider import Decider, Picture, Prepared


@dataclass(frozen=True)
class Shot:
    """An image, or a frame of a video.

    Args:
        file: that it is from.
        width: at full resolution, pixels.
        height: likewise.
        parts: what is decided on, the whole or tile by tile.
        tiles: where the parts lie; none where there is one.
        pixels: at full resolution, where it is drawn on.
        frame: its number, from 0; None for an image.
        fps: frames per second of its video, likewise.
    """

    file: Path
    width: int
    height: int
    parts: Sequence[Prepared]
    tiles: Sequence[Tile] = ()
    pixels: Picture | None = None
    frame: int | None = None
    fps: float | None = None


@dataclass(frozen=True)
class VideoEnd:
    """After a video's last frame.

    Args:
        file: the video.
        frames: how many there were.
        fps: frames per second.
        announced: how many there should have been; 0 where the file didn't say.
    """

    file: Path
    frames: int
    fps: float
    announced: int


@dataclass(frozen=True)
class Preparation:
    """Makes shots; called on several threads at a time.

    Args:
        decider: that they are for.
        tiling: how large pictures are cut, if at all.
        drawn: whether someone draws on them.
    """

    decider: Decider
    tiling: Tiling | None
    drawn: bool

    def size(self, path: Path) -> tuple[int, int]:
        """How many parts an image will have, and how many pixels will be held of it.

        Raises:
            BadFile: it can't be told.
        """
        if self.tiling is None and not self.drawn:
            return 1, 0
        width, height = self.decider.images.size(path)
        return len(self.tiles(width, height)) or 1, width * height

    def tiles(self, width: int, height: int) -> list[Tile]:
        """What a picture is cut into; nothing where one tile would do."""
        if self.tiling is None or max(width, height) <= self.tiling.side:
            return []
        return tiles_of(width, height, self.tiling.side, self.tiling.overlap)

    def image(self, path: Path) -> Shot:
        """An image file.

        Raises:
            BadFile: it can't be read.
        """
        if self.tiling is not None:
            pixels = self.decider.images.raw(path)
            if self.tiles(pixels.shape[1], pixels.shape[0]):
                return self._cut(path, pixels)
        prepared = self.decider.prepared(path)
        if not self.drawn:
            return _whole(path, prepared)
        pixels = read_image(path)[0] if prepared.pixels is None else prepared.pixels
        return replace(_whole(path, prepared), pixels=pixels)

    def frame(self, path: Path, pixels: Picture, number: int, fps: float) -> Shot:
        """A frame of a video."""
        shot = self._cut(path, pixels)
        return replace(shot, frame=number, fps=fps)

    def _cut(self, path: Path, pixels: npt.NDArray[Any]) -> Shot:
        height, width = pixels.shape[:2]
        tiles = self.tiles(width, height)
        images = [tile.cut(pixels) for tile in tiles] or [pixels]
        parts = [replace(self.decider.prepared(image), pixels=None) for image in images]
        shown = self._shown(path, pixels) if self.drawn else None
        return Shot(path, width, height, parts, tiles, shown)

    def _shown(self, path: Path, pixels: npt.NDArray[Any]) -> Picture:
        images = self.decider.images
        return in_three(pixels if images.usual else images.of_array(path, pixels))


def _whole(path: Path, prepared: Prepared) -> Shot:
    return Shot(path, prepared.width, prepared.height, [replace(prepared, pixels=None)])
