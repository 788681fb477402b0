"""Textures of the generated data sets: fields of 0 to 1, and colours to spread over them."""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

LEAST_CONTRAST: Final = 75.0
"""Distance in RGB (0 to 255 per channel) wanted between a thing's colours and what it lies on."""
PALETTES: Final = 24
NOISE: Final = 24.0
"""Largest amplitude of the grain, either way, in grey levels."""

Field = npt.NDArray[np.float32]
"""(h, w) float32 in [0, 1]: how far each pixel is from a texture's first to its second colour."""
Colours = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]


def palettes(rng: np.random.Generator, count: int) -> Colours:
    """(count, 2, 3) float32 in [0, 255]: pairs of colours that are more or less alike."""
    ends = rng.random((count, 2, 3), np.float32) * 255
    nearness = rng.random((count, 1), np.float32) * 0.5 + 0.3
    ends[:, 1] += (ends[:, 0] - ends[:, 1]) * nearness
    return ends


def coloured(field: Field, first: Colours, second: Colours) -> Image:
    """(h, w, 3) uint8 RGB: a field between two colours in 0 to 255."""
    return np.asarray(first + field[..., None] * (second - first)).astype(np.uint8)


def contrasting(rng: np.random.Generator, local: Colours) -> Colours:
    """(2, 3) colours that, with all between them, are as far as can be from the (n, 3) given."""
    pairs = palettes(rng, PALETTES)
    between = np.stack([pairs[:, 0], pairs.mean(axis=1), pairs[:, 1]], axis=1)
    apart = between.reshape(-1, 1, 3) - local
    distance = np.einsum("nkc,nkc->nk", apart, apart).reshape(PALETTES, -1).min(axis=1)
    enough = distance >= LEAST_CONTRAST**2
    # The first that is far enough, not the farthest of all: else colours would pile up at extremes.
    best = enough.argmax() if enough.any() else distance.argmax()
    chosen: Colours = pairs[best]
    return chosen


def grained(rng: np.random.Generator, image: Image) -> Image:
    """(h, w, 3) uint8 under noise of some strength."""
    grain = np.frombuffer(rng.bytes(image.size), np.uint8).reshape(image.shape)
    strength = rng.uniform(0.0, NOISE) / 127.5
    return np.asarray(cv2.addWeighted(image, 1.0, grain, strength, -127.5 * strength), np.uint8)


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


def gradient(rng: np.random.Generator, height: int, width: int, scale: float) -> Field:
    """A field that changes evenly in some direction; ``scale`` changes nothing."""
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
    gradient,
)


def texture(rng: np.random.Generator, height: int, width: int, scale: float) -> Field:
    """One of the textures, drawn alike for all things.

    Args:
        rng: decides which, and its period, phase and direction.
        height: pixels.
        width: pixels.
        scale: factor of all lengths, which are some pixels at 1.
    """
    return _TEXTURES[rng.integers(len(_TEXTURES))](rng, height, width, scale)
