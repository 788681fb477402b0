"""Which way the surface in each pixel faces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from torch import Tensor

from mtl.data.target.base import Array
from mtl.data.target.vector_map import VectorMap, orthogonal_part
from mtl.drawing.enlarge import enlarged
from mtl.drawing.normals import draw_normals, tinted_normals
from mtl.drawing.write import write_png

if TYPE_CHECKING:
    from mtl.data.sample import Target
    from mtl.drawing.marks import Canvas

LENGTH = 0.02
"""By how much a vector that counts as a unit vector may be longer or shorter than 1; those that
were read from pictures of 8 bits are."""


class NormalsKind(VectorMap):
    """Unit vectors (H, W, 3) float32, NaN where unknown.

    In the camera's frame: x to the right, y down as in the picture, z towards the camera, so that
    what faces the camera is (0, 0, 1). They turn and mirror with the picture; zoom and shear,
    which no camera does without changing the scene, leave them alone. Like depths they stay what
    was measured in the nearest pixel.
    """

    covers: ClassVar[bool] = True
    counted: ClassVar[str] = "known normals"

    def acting(self, linear: Tensor) -> Tensor:
        """A map's rotation, or mirrored rotation."""
        return orthogonal_part(linear)

    def misfit(self, value: Array, target: Target) -> str | None:
        """Anything but a unit vector for each pixel."""
        if value.ndim != 3 or value.shape[2] != 3:
            return f"is of shape {value.shape}, no map of normals (H, W, 3)"
        length = np.sqrt(np.square(value).sum(-1))
        # A vector with a NaN has NaN as its length.
        wrong = length[np.abs(length - 1) > LENGTH]
        if wrong.size:
            return f"has normals of length {wrong[0]:.3g} instead of 1; what is unknown is NaN"
        return None

    def draw(self, canvas: Canvas, value: Array, target: Target, factor: int) -> Canvas:
        """As RGB; unknown pixels stay."""
        return draw_normals(canvas, enlarged(value, factor))

    def write(self, stem: Path, value: Array) -> Path:
        """An .npy file of the vectors as they are, and a .png of the same name to look at."""
        write_png(stem.with_name(f"{stem.name}.png"), tinted_normals(value))
        return super().write(stem, value)
