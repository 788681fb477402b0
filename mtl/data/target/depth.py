"""How far away each pixel is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from mtl.data.target.base import Array
from mtl.data.target.pixel_map import PixelMap
from mtl.drawing.depth import draw_depth, tinted_depth
from mtl.drawing.enlarge import enlarged
from mtl.drawing.write import write_png

if TYPE_CHECKING:
    from mtl.data.sample import Target
    from mtl.drawing.marks import Canvas

NEAREST, FARTHEST = 0.005, 1000.0
"""Metres between which the middle of a picture's depths lies as a rule."""


class DepthKind(PixelMap):
    """Metres (H, W) float32, above 0; NaN is unknown. Data may have a unit of their own.

    Every pixel keeps a number that was measured, that of the nearest pixel: between the two sides
    of an edge a mean would be a surface where there is none. A picture that is resized, zoomed or
    turned keeps its depths.
    """

    covers: ClassVar[bool] = True
    counted: ClassVar[str] = "known depths"

    def doubts(self, name: str, target: Target, values: Iterable[Array]) -> str | None:
        """Depths that are hardly metres, in the first sample that knows any."""
        known = (value[~self.is_unknown(value)] for value in values)
        middle = next((float(np.median(some)) for some in known if some.size), NEAREST)
        if NEAREST <= middle <= FARTHEST:
            return None
        return (
            f"the depths of {name} are {middle:.3g} m in the middle of a sample's; the files' unit "
            "may be another (data.depth_scale is that of pictures, .npy files hold metres)"
        )

    def misfit(self, value: Array, target: Target) -> str | None:
        """Anything but one number above 0 for each pixel."""
        if value.ndim != 2:
            return f"is of shape {value.shape}, no map of depths (H, W)"
        wrong = value[~(np.isnan(value) | ((value > 0) & (value < np.inf)))]
        return f"has depths such as {wrong[0]:g}; what is unknown is NaN" if wrong.size else None

    def draw(self, canvas: Canvas, value: Array, target: Target, factor: int) -> Canvas:
        """Near is bright, far is dark, with a scale; unknown pixels stay."""
        return draw_depth(canvas, enlarged(value, factor))

    def write(self, stem: Path, value: Array) -> Path:
        """An .npy file of the depths as they are, and a .png of the same name to look at."""
        write_png(stem.with_name(f"{stem.name}.png"), tinted_depth(value))
        return super().write(stem, value)
