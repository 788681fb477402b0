"""How the built-in data set paints an image: colours, textures, ground, strokes and noise."""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from mtl.data.sources.shapes_layout import REFERENCE_SIDE, Layout, Placed

LEAST_CONTRAST: Final = 75.0
"""Distance in RGB (0 to 255 per channel) wanted between a shape's colours and what it lies on."""
PALETTES: Final = 24
STROKES: Final = (3, 8)
NOISE: Final = 24.0
"""Largest amplitude of the grain, either way, in grey levels."""

Field = npt.NDArray[np.float32]
"""(h, w) float32 in [0, 1]: how far each pixel is from a texture's first to its second colour."""
Image = npt.NDArray[np.uint8]
Colours = npt.NDArray[np.float32]


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
    grain = np.frombuffer(rng.bytes(image.size), np.uint8).reshape(image.shape)
    strength = rng.uniform(0.0, NOISE) / 127.5
    return np.asarray(cv2.addWeighted(image, 1.0, grain, strength, -127.5 * strength), np.uint8)


def _palettes(rng: np.random.Generator, count: int) -> Colours:
    """(count, 2, 3) float32 in [0, 255]: pairs of colours that are more or less alike."""
    ends = rng.random((count, 2, 3), np.float32) * 255
    nearness = rng.random((count, 1), np.float32) * 0.5 + 0.3
    ends[:, 1] += (ends[:, 0] - ends[:, 1]) * nearness
    return ends


def _ground(rng: np.random.Generator, side: int, scale: float) -> Image:
    """A texture that fades into a gradient, under strokes that are no shapes."""
    first, second = _palettes(rng, 1)[0]
    field = _texture(rng, side, side, scale * rng.uniform(1.0, 2.5))
    field += (_gradient(rng, side, side, scale) - field) * rng.uniform(0.2, 0.9)
    image = _colour(field, first, second)
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
    first, second = _contrasting(rng, local.astype(np.float32))
    over = _colour(_texture(rng, height, width, scale), first, second)
    opaque = placed.stencil.astype(np.float32) / 255
    under[:] = cv2.blendLinear(over, under, opaque, 1 - opaque)


def _contrasting(rng: np.random.Generator, local: Colours) -> Colours:
    """(2, 3) colours that, with all between them, are as far as can be from the (n, 3) given."""
    pairs = _palettes(rng, PALETTES)
    between = np.stack([pairs[:, 0], pairs.mean(axis=1), pairs[:, 1]], axis=1)
    apart = between.reshape(-1, 1, 3) - local
    distance = np.einsum("nkc,nkc->nk", apart, apart).reshape(PALETTES, -1).min(axis=1)
    enough = distance >= LEAST_CONTRAST**2
    # The first that is far enough, not the farthest of all: else colours would pile up at extremes.
    best = enough.argmax() if enough.any() else distance.argmax()
    chosen: Colours = pairs[best]
    return chosen


def _colour(field: Field, first: Colours, second: Colours) -> Image:
    return np.asarray(first + field[..., None] * (second - first)).astype(np.uint8)


def _axes(rng: np.random.Generator, height: int, width: int, period: float) -> tuple[Field, Field]:
    """Two phases at right angles in a random direction, 2 pi per period (in pixels)."""
    angle, *phase = rng.random(3) * (2 * np.pi)
    c, s = np.cos(angle) * 2 * np.pi / period, np.sin(angle) * 2 * np.pi / period
    x = np.arange(width, dtype=np.float32)
    y = np.arange(height, dtype=np.float32)[:, None]
    along = np.float32(c) * x + (np.float32(s) * y + np.float32(phase[0]))
    across = np.float32(c) * y - (np.float32(s) * x - np.float32(phase[1]))
    return along, across


def _sharpen(wave: Field, slope: float) -> Field:
    """A wave around 0 to a field with soft steps."""
    wave *= np.float32(slope / 2)
    wave += np.float32(0.5)
    return np.clip(wave, 0, 1, out=wave)


def _stripes(rng: np.random.Generator, height: int, width: int, scale: float) -> Field:
    along, _ = _axes(rng, height, width, rng.uniform(4.0, 9.0) * scale)
    return _sharpen(np.sin(along, out=along), 2.5)


def _checks(rng: np.random.Generator, height: int, width: int, scale: float) -> Field:
    along, across = _axes(rng, height, width, rng.uniform(6.0, 11.0) * scale)
    return _sharpen(np.sin(along, out=along) * np.sin(across, out=across), 5.0)


def _dots(rng: np.random.Generator, height: int, width: int, scale: float) -> Field:
    along, across = _axes(rng, height, width, rng.uniform(5.0, 8.0) * scale)
    wave = np.sin(along, out=along) + np.sin(across, out=across)
    return _sharpen(wave - np.float32(0.6), 2.5)


def _noise(rng: np.random.Generator, height: int, width: int, scale: float) -> Field:
    period = rng.uniform(1.5, 5.0) * scale
    cells = rng.random((int(height / period) + 2, int(width / period) + 2), np.float32)
    return np.asarray(cv2.resize(cells, (width, height), interpolation=cv2.INTER_LINEAR))


def _gradient(rng: np.random.Generator, height: int, width: int, scale: float) -> Field:
    del scale
    c, s = rng.uniform(-1, 1, 2).astype(np.float32).tolist()
    field = np.linspace(0, c, width, dtype=np.float32) + np.linspace(
        0, s, height, dtype=np.float32
    ).reshape(-1, 1)
    low = min(c, 0.0) + min(s, 0.0)
    spread: Field = (field - np.float32(low)) / np.float32(abs(c) + abs(s))
    return spread


_TEXTURES: Final[tuple[Callable[[np.random.Generator, int, int, float], Field], ...]] = (
    _stripes,
    _checks,
    _dots,
    _noise,
    _gradient,
)


def _texture(rng: np.random.Generator, height: int, width: int, scale: float) -> Field:
    return _TEXTURES[rng.integers(len(_TEXTURES))](rng, height, width, scale)
