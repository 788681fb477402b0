"""How the built-in data set paints an image: colours, textures, ground, strokes and noise."""

from typing import Final

import cv2
import numpy as np

from mtl.data.sources.shapes_layout import REFERENCE_SIDE, Layout, Placed
from mtl.data.sources.textures import (
    Image,
    coloured,
    contrasting,
    gradient,
    grained,
    palettes,
    texture,
)

STROKES: Final = (3, 8)


def draw(rng: np.random.Generator, layout: Layout) -> Image:
    """Paint one image.

    Args:
        rng: the image's own stream.
        layout: the shapes, the undermost first.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    side = len(layout.owner)
    scale = side / REFERENCE_SIDE
    image = _ground(rng, side, scale)
    for placed in layout.placed:
        _paint(rng, image, placed, scale)
    return grained(rng, image)


def _ground(rng: np.random.Generator, side: int, scale: float) -> Image:
    """A texture that fades into a gradient, under strokes that are no shapes."""
    first, second = palettes(rng, 1)[0]
    field = texture(rng, side, side, scale * rng.uniform(1.0, 2.5))
    field += (gradient(rng, side, side, scale) - field) * rng.uniform(0.2, 0.9)
    image = coloured(field, first, second)
    strokes = rng.integers(*STROKES)
    ends = rng.uniform(-0.1, 1.1, (strokes, 2, 2)) * side * 16
    colours = rng.uniform(0, 255, (strokes, 3)).tolist()
    widths = np.maximum(1, np.rint(rng.uniform(0.6, 2.2, strokes) * scale)).astype(int).tolist()
    curved = rng.random(strokes) < 0.4
    arcs = rng.uniform(0, 360, strokes).tolist()
    for (start, end), colour, width, arc, curve in zip(
        ends.astype(int).tolist(), colours, widths, arcs, curved, strict=True
    ):
        if curve:
            axes = (abs(end[0] - start[0]) // 2 + 1, abs(end[1] - start[1]) // 2 + 1)
            cv2.ellipse(image, start, axes, arc, 0, 100, colour, width, cv2.LINE_AA, 4)
        else:
            cv2.line(image, start, end, colour, width, cv2.LINE_AA, 4)
    return image


def _paint(rng: np.random.Generator, image: Image, placed: Placed, scale: float) -> None:
    """Lay one textured shape onto the image, in colours that stand out from what is there."""
    height, width = placed.stencil.shape
    under = image[placed.window]
    local = cv2.resize(under, (4, 4), interpolation=cv2.INTER_AREA).reshape(-1, 3)
    first, second = contrasting(rng, local.astype(np.float32))
    over = coloured(texture(rng, height, width, scale), first, second)
    opaque = placed.stencil.astype(np.float32) / 255
    under[:] = cv2.blendLinear(over, under, opaque, 1 - opaque)
