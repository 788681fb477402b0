"""Kinds whose values are arrays as large as the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtl.data.augmentation.geometry import flipped, resample, resample_known
from mtl.data.batch import BatchValue, Labelled
from mtl.data.preprocess.fit import into_picture, out_of_picture
from mtl.data.target.base import Array, TargetKind
from mtl.data.target.motion import Motion, Turn
from mtl.data.target.placed_parts import PlacedParts
from mtl.drawing.enlarge import enlarged
from mtl.drawing.heat import draw_heat

if TYPE_CHECKING:
    from mtl.data.inspection.tally import Tally
    from mtl.data.preprocess.base import Frame
    from mtl.data.sample import Target
    from mtl.data.tile import Tile
    from mtl.drawing.marks import Canvas

SHOWN = 0.999
"""A pixel is known where its known neighbours have so much of the weight."""


class PixelMap(TargetKind):
    """A value for each pixel, (H, W) or (H, W, C).

    What comes in from outside the picture is unknown. An unknown pixel never mixes with its
    neighbours: in bilinear interpolation, what would need it is unknown too.
    """

    interpolation: ClassVar[Literal["nearest", "bilinear"]] = "nearest"
    """``nearest`` leaves every value as it is; ``bilinear`` is for values that change smoothly."""
    placed: ClassVar[bool] = True
    layer: ClassVar[int] = 0
    counted: ClassVar[str] = "known pixels"
    uncounted: ClassVar[str | None] = "unknown pixels"
    per_sample: ClassVar[bool] = False
    shares_alone: ClassVar[bool] = True
    joins_tiles: ClassVar[bool] = True

    def misfit(self, value: Array, target: Target) -> str | None:
        """Anything but one value, or several, for each pixel."""
        return None if value.ndim in (2, 3) else f"is of shape {value.shape}, no map of pixels"

    def resized(self, value: Array, frame: Frame, side: int) -> Array:
        """Resized and padded with ``unknown``."""
        smaller = min(frame.scale_x, frame.scale_y) < 0.5
        smooth = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        return self._mixed(
            value,
            lambda pixels, method, pad: into_picture(pixels, frame, side, method, pad),
            cv2.INTER_NEAREST_EXACT,
            smooth,
        )

    def to_original(self, value: Array, frame: Frame) -> Array:
        """The part that shows the image, at the image's size."""
        return self._mixed(
            value,
            lambda pixels, method, _: out_of_picture(pixels, frame, method),
            cv2.INTER_NEAREST,
            cv2.INTER_LINEAR,
        )

    def from_tiles(self, values: Sequence[Array], tiles: Sequence[Tile]) -> Array:
        """Each pixel from the tile that shows it furthest from its border."""
        _, _, width, height = tiles[-1].outer
        whole = np.empty((height, width, *values[0].shape[2:]), values[0].dtype)
        for value, tile in zip(values, tiles, strict=True):
            x, y, _, _ = tile.outer
            left, top, right, bottom = tile.inner
            whole[top:bottom, left:right] = value[top - y : bottom - y, left - x : right - x]
        return whole

    def turned(self, labelled: Labelled, turn: Turn) -> Labelled:
        """Exactly."""
        value = labelled.value
        assert isinstance(value, Tensor)
        rows = turn.rows(labelled).view(-1, *(1,) * (value.dim() - 1))
        return Labelled(
            labelled.index, torch.where(rows, value.rot90(turn.quarters, (1, 2)), value)
        )

    def turned_alone(self, value: Array, turn: Turn) -> Array:
        """Exactly."""
        return np.ascontiguousarray(np.rot90(value, turn.quarters))

    def moved(self, labelled: Labelled, motion: Motion) -> Labelled:
        """Resampled; flips alone are exact."""
        value = labelled.value
        assert isinstance(value, Tensor)
        if not motion.warps:
            flips = motion.flips.to(value.device, non_blocking=True)[labelled.index]
            return Labelled(labelled.index, flipped(value, flips, True))
        pixels = value.unsqueeze(1) if value.dim() == 3 else value.movedim(-1, 1)
        if value.dtype == torch.uint8:
            found = resample(pixels, motion.matrix, "nearest", self.unknown, rows=labelled.index)
        else:
            found = resample_known(
                pixels, motion.matrix, self.interpolation, self.unknown, labelled.index, SHOWN
            )
        return Labelled(
            labelled.index, found.squeeze(1) if value.dim() == 3 else found.movedim(1, -1)
        )

    def moved_alone(self, value: Array, motion: Motion) -> Array:
        """As albumentations would: resampled, then flipped exactly."""
        flips = motion.flips[0].tolist()
        if motion.warps:
            size = (value.shape[1], value.shape[0])
            matrix = motion.matrix[0].double().numpy().copy()
            for row, flip in enumerate(flips):
                if flip:
                    matrix[row] *= -1
                    matrix[row, 2] += size[row]
            # From corners of pixels to their centres.
            matrix[:, 2] += matrix[:, :2].sum(1) / 2 - 0.5
            value = self._mixed(
                value,
                lambda pixels, method, pad: cv2.warpAffine(
                    pixels, matrix, size, flags=method, borderValue=(pad,) * 4
                ).reshape(pixels.shape),
                cv2.INTER_NEAREST,
                cv2.INTER_LINEAR,
            )
        value = value[:, ::-1] if flips[0] else value
        return np.ascontiguousarray(value[::-1] if flips[1] else value)

    def _mixed(
        self,
        value: Array,
        change: Callable[[Array, int, float], Array],
        nearest: int,
        smooth: int,
    ) -> Array:
        """Pixels resampled by ``change``, which gets pixels, a method and what lies beside them."""
        if self.interpolation == "nearest":
            return change(value, nearest, self.unknown)
        blank = self.is_unknown(value)
        found = change(np.where(blank, 0, value).astype(value.dtype), smooth, 0)
        share = change((~blank).astype(np.float32), smooth, 0)
        shown = share > SHOWN
        mixed = np.where(shown, found / np.where(shown, share, 1), self.unknown)
        return np.asarray(mixed, self.dtype)

    def parts(self, value: Array) -> PlacedParts:
        """The map; ``augmentation.extra`` moves it by the nearest pixel."""
        return PlacedParts(maps=[value])

    def from_parts(self, value: Array, parts: PlacedParts) -> Array:
        """The map, unknown where the old picture had nothing."""
        found = parts.maps[0]
        if parts.outside is not None:
            found = found.copy()
            found[parts.outside] = self.unknown
        return self._in_dtype(found)

    def numbers(self, value: Tensor | BatchValue, target: Target) -> Tensor:
        """The mean of each channel over the known pixels."""
        assert isinstance(value, Tensor)
        pixels = value.float().reshape(*value.shape[:3], -1).flatten(1, 2)
        unknown = pixels.isnan() if np.isnan(self.unknown) else pixels == self.unknown
        return pixels.masked_fill(unknown, torch.nan).nanmean(1)

    def count(self, tally: Tally, value: Array) -> None:
        """Known pixels, and of each sample its smallest, mean and largest value."""
        known = value[~self.is_unknown(value)]
        tally.ignored += int(value.size - known.size)
        if known.size:
            tally.note("smallest value of a sample", float(known.min()))
            tally.note("mean value of a sample", float(known.mean()))
            tally.note("largest value of a sample", float(known.max()))

    def renumbered(self, value: Array, table: npt.NDArray[np.int64], known: Target) -> Array:
        """As it is: numbers of pixels don't hang on names."""
        return value

    def draw(self, canvas: Canvas, value: Array, target: Target, factor: int) -> Canvas:
        """Dark where the value is small, bright where it is large; unknown pixels stay."""
        grey = value if value.ndim == 2 else value.mean(-1)
        return draw_heat(canvas, enlarged(grey.astype(np.float32), factor))

    def caption(self, value: Array, target: Target) -> str | None:
        """Nothing."""
        return None
