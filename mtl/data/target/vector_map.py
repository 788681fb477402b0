"""Kinds whose values are vectors that move with the picture."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtl.data.batch import Labelled
from mtl.data.target.base import Array
from mtl.data.target.motion import Motion, Turn
from mtl.data.target.pixel_map import PixelMap
from mtl.data.target.placed_parts import PlacedParts

if TYPE_CHECKING:
    from mtl.data.inspection.tally import Tally
    from mtl.data.preprocess.base import Frame
    from mtl.data.sample import Target

QUARTERS = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""Cosine and sine of each number of quarter turns."""


class VectorMap(PixelMap):
    """A vector for each pixel, (H, W, C); its first two numbers point to the right and down.

    Where the picture goes through a map, the vectors' first two numbers go through its linear part:
    they turn, mirror, stretch and shrink as optical flow in pixels does. A kind that does only part
    of that overrides ``acting``. A vector is unknown as a whole.
    """

    counted: ClassVar[str] = "known vectors"

    def acting(self, linear: Tensor) -> Tensor:
        """What a map of the picture does to the vectors; here all that it does to distances.

        Args:
            linear: (n, 2, 2) float64, which takes distances in the picture before, in pixels to the
                right and down, to those after.
        """
        return linear

    def misfit(self, value: Array, target: Target) -> str | None:
        """Anything but two numbers or more for each pixel."""
        fits = value.ndim == 3 and value.shape[2] >= 2
        return None if fits else f"is of shape {value.shape}, no map of vectors (H, W, 2 or more)"

    def resized(self, value: Array, frame: Frame, side: int) -> Array:
        """See PixelMap."""
        scale = np.diag([frame.scale_x, frame.scale_y])
        return self._carried_alone(super().resized(value, frame, side), scale)

    def to_original(self, value: Array, frame: Frame) -> Array:
        """See PixelMap."""
        scale = np.diag([1 / frame.scale_x, 1 / frame.scale_y])
        return self._carried_alone(super().to_original(value, frame), scale)

    def turned(self, labelled: Labelled, turn: Turn) -> Labelled:
        """Exactly."""
        found = super().turned(labelled, turn)
        assert isinstance(found.value, Tensor)
        rows = turn.rows(labelled).view(-1, 1, 1, 1)
        carried = self._carried(found.value, _quarter_turns(turn.quarters))
        return replace(found, value=torch.where(rows, carried, found.value))

    def turned_alone(self, value: Array, turn: Turn) -> Array:
        """Exactly."""
        linear = _quarter_turns(turn.quarters)[0].numpy()
        return self._carried_alone(super().turned_alone(value, turn), linear)

    def moved(self, labelled: Labelled, motion: Motion) -> Labelled:
        """See PixelMap."""
        found = super().moved(labelled, motion)
        assert isinstance(found.value, Tensor)
        return replace(
            found, value=self._carried(found.value, motion.matrix[:, :, :2], found.index)
        )

    def moved_alone(self, value: Array, motion: Motion) -> Array:
        """See PixelMap."""
        linear = motion.matrix[0, :, :2].double().numpy()
        return self._carried_alone(super().moved_alone(value, motion), linear)

    def parts(self, value: Array) -> PlacedParts:
        """The vectors, and each pixel's place, by which the map is found that nobody tells."""
        places = np.stack(np.meshgrid(*map(np.arange, value.shape[1::-1])), -1)
        return PlacedParts(maps=[value, places.astype(np.float32)])

    def from_parts(self, value: Array, parts: PlacedParts) -> Array:
        """The vectors after the affine map that comes closest to what was done to the picture."""
        found = super().from_parts(value, parts)
        return self._carried_alone(found, _linear_part(parts.maps[1], parts.outside))

    def count(self, tally: Tally, value: Array) -> None:
        """Known vectors, and of each sample the mean of each of their numbers."""
        known = value[~self.is_unknown(value).any(-1)]
        tally.ignored += value.shape[0] * value.shape[1] - len(known)
        if len(known):
            for name, mean in zip("xyzw", known.mean(0), strict=False):
                tally.note(f"mean {name} of a sample", float(mean))

    def _carried(self, vectors: Tensor, linear: Tensor, rows: Tensor | None = None) -> Tensor:
        """(n, H, W, C) after (B, 2, 2) on the CPU, one for each or the ones of ``rows``."""
        acting = self.acting(linear).to(vectors.dtype).to(vectors.device, non_blocking=True)
        acting = (acting if rows is None else acting[rows])[:, None, None]
        # Sums of products and not matrix products, which a GPU may round to ten bits.
        across = (acting * vectors[..., None, :2]).sum(-1)
        return torch.cat([across, vectors[..., 2:]], -1)

    def _carried_alone(self, vectors: Array, linear: Array) -> Array:
        pixels = torch.from_numpy(np.ascontiguousarray(vectors)[None])
        return self._carried(pixels, torch.from_numpy(linear[None]).double())[0].numpy()


def orthogonal_part(linear: Tensor) -> Tensor:
    """The rotation or mirrored rotation that comes closest to maps: their polar factor.

    Args:
        linear: (n, 2, 2), invertible.

    Returns:
        (n, 2, 2) orthogonal, of ``linear``'s type; exact for quarter turns and mirrors.
    """
    (a, b), (c, d) = (row.unbind(-1) for row in linear.unbind(-2))
    mirrored = a * d < b * c
    sign = 1 - 2 * mirrored.to(linear.dtype)
    cos, sin = a + sign * d, c - sign * b
    length = torch.hypot(cos, sin)
    cos, sin = cos / length, sin / length
    return torch.stack([cos, -sign * sin, sin, sign * cos], -1).view(-1, 2, 2)


def _quarter_turns(quarters: int) -> Tensor:
    """(1, 2, 2) float64: counter-clockwise as seen, y points down."""
    cos, sin = QUARTERS[quarters % 4]
    return torch.tensor([[[cos, sin], [-sin, cos]]], dtype=torch.float64)


def _linear_part(
    places: npt.NDArray[np.float32], outside: npt.NDArray[np.bool_] | None
) -> npt.NDArray[np.float64]:
    """(2, 2), by least squares: where pixels came from as a function of where they are now."""
    now = np.stack(np.meshgrid(*map(np.arange, places.shape[1::-1])), -1)
    inside = np.ones(places.shape[:2], np.bool_) if outside is None else ~outside
    design = np.column_stack([now[inside], np.ones(inside.sum())])
    inverse, _, rank, _ = np.linalg.lstsq(design, places[inside].astype(np.float64))
    if rank < 3 or np.linalg.matrix_rank(inverse[:2], 1e-6) < 2:
        return np.eye(2)
    # Rounded, so that quarter turns and mirrors are what they are.
    return np.asarray(np.linalg.inv(inverse[:2].T.round(6)).round(6))
