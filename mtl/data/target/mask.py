"""A class for each pixel."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtl.data.batch import BatchValue
from mtl.data.sample import IGNORE_PIXEL
from mtl.data.target.pixel_map import PixelMap
from mtl.drawing.enlarge import enlarged
from mtl.drawing.marks import draw_mask
from mtl.drawing.write import write_indices
from mtl.errors import UserError

if TYPE_CHECKING:
    from mtl.data.inspection.tally import Tally
    from mtl.data.sample import Target
    from mtl.drawing.marks import Canvas

Mask = npt.NDArray[np.uint8]


class MaskKind(PixelMap):
    """Class indices (H, W) uint8; class 0 is the background, IGNORE_PIXEL is unknown."""

    dtype = np.uint8
    unknown: ClassVar[float] = IGNORE_PIXEL
    counted: ClassVar[str] = "pixels"
    uncounted: ClassVar[str | None] = "ignored pixels"

    def doubts(self, name: str, target: Target, values: Iterable[Mask]) -> str | None:
        """Masks in which no class is to be seen, up to the first one that shows one.

        Raises:
            UserError: they hold only 0 and 255, as those that are meant to be black and white do.
        """
        pixels = np.zeros(256, np.int64)
        for value in values:
            pixels += np.bincount(value.ravel(), minlength=256)
            if pixels[1:IGNORE_PIXEL].any():
                return None
        classes = ", ".join(target.classes[1:])
        if pixels[IGNORE_PIXEL]:
            share = 100 * pixels[IGNORE_PIXEL] / pixels.sum()
            raise UserError(
                f"the masks of {name} hold only 0 and 255, and 255 means ignored: {share:.0f} % of "
                f"the pixels would be left out and {classes} is in no mask; write class indices "
                "from 1 into the masks, or set data.masks=binary where 255 is the one class"
            )
        return f"the masks of {name} show nothing but background: {classes} is in no mask"

    def numbers(self, value: Tensor | BatchValue, target: Target) -> Tensor:
        """The share of each class in the known pixels."""
        assert isinstance(value, Tensor)
        known = (value != IGNORE_PIXEL).float().mean((1, 2))
        shares = [(value == number).float().mean((1, 2)) for number in range(len(target.classes))]
        return torch.stack(shares, 1) / known[:, None]

    def count(self, tally: Tally, value: Any) -> None:
        """Pixels of each class."""
        pixels = np.bincount(np.asarray(value).ravel(), minlength=256)
        tally.counts += pixels[: len(tally.counts)]
        tally.ignored += int(pixels[IGNORE_PIXEL])

    def draw(self, canvas: Canvas, value: Mask, target: Target, factor: int) -> Canvas:
        """Tinted by class."""
        return draw_mask(canvas, enlarged(value, factor), IGNORE_PIXEL)

    def named(self, target: Target) -> tuple[str, ...]:
        """All but the background."""
        return target.classes[1:]

    def renumbered(self, value: Mask, table: npt.NDArray[np.int64], known: Target) -> Mask:
        """Pixels of classes that the network doesn't know are ignored."""
        pixels = np.full(256, IGNORE_PIXEL, np.uint8)
        pixels[: len(table)] = np.where(table < 0, IGNORE_PIXEL, table)
        renumbered: Mask = pixels[value]
        return renumbered

    def write(self, stem: Path, value: Mask) -> Path:
        """A palette PNG."""
        path = stem.with_name(f"{stem.name}.png")
        write_indices(path, value, IGNORE_PIXEL)
        return path
