"""How a built-in scene is painted: textures that lie on the surfaces, light, shadow, haze."""

from typing import Final

import cv2
import numpy as np

from mtl.data.sources.scenes_camera import Floats
from mtl.data.sources.scenes_cast import Hits, cast, lit, normals
from mtl.data.sources.scenes_layout import Scene
from mtl.data.sources.textures import Image, coloured, contrasting, grained, palettes, texture

FINENESS: Final = 2
"""Rays for each pixel in either direction, averaged for soft edges."""
TILE: Final = 64
"""Side of a texture, texels; it is mirrored at its edges for ever."""
TEXEL: Final = 1 / 40
"""Metres: textures have a size, so that how large they look tells how far they are."""
HAZE: Final = 9.0
"""Metres of air after which two thirds of the ground's texture are gone."""
EXPOSURE: Final = 1.25
"""Brightness of what faces the lamp."""
AMBIENT: Final = (0.35, 0.55)
"""Light that comes from everywhere, of all."""


def draw(rng: np.random.Generator, scene: Scene) -> Image:
    """Paint one image.

    Args:
        rng: the scene's own stream.
        scene: to be painted.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    fine = cast(scene.camera, scene.placed, FINENESS)
    up = normals(fine, scene.placed)
    image = _surfaces(rng, scene, fine)
    image *= _light(rng, scene, up)[..., None]
    np.copyto(image, _sky(rng, len(image)), where=np.isinf(fine.depth)[..., None])
    small = cv2.resize(image, (scene.camera.side,) * 2, interpolation=cv2.INTER_AREA)
    return grained(rng, np.clip(small, 0, 255).astype(np.uint8))


def _surfaces(rng: np.random.Generator, scene: Scene, hits: Hits) -> Floats:
    """(H, W, 3) the colours of ground and solids in even light."""
    tile = coloured(texture(rng, TILE, TILE, rng.uniform(1.0, 2.0)), *palettes(rng, 1)[0])
    few = cv2.resize(tile, (4, 4), interpolation=cv2.INTER_AREA).reshape(-1, 3).astype(np.float32)
    mean = few.mean(0)
    near = np.exp(hits.depth / np.float32(-HAZE))[..., None]
    seen = _looked_up(tile, hits.points[0], hits.points[2])
    image = np.asarray(mean + (seen - mean) * near)
    for k, one in enumerate(scene.placed):
        here, points = hits.of(k)
        local = one.local(points)
        # Seen along a random direction, so that the texture does not tell the shape.
        axes = np.linalg.qr(rng.normal(size=(3, 3)))[0].astype(np.float32)
        field = texture(rng, TILE // 2, TILE // 2, rng.uniform(0.6, 1.2))
        tile = coloured(field, *contrasting(rng, few))
        over = _looked_up(tile, *np.tensordot(axes[:2], local, 1))
        np.copyto(image[hits.windows[k]], over, where=here[..., None])
    return image


def _looked_up(tile: Image, x: Floats, y: Floats) -> Floats:
    """The colours (H, W, 3) of a texture at (H, W) places in metres."""
    columns, rows = (v / np.float32(TEXEL) for v in (x, y))
    found = cv2.remap(tile, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return found.astype(np.float32)


def _light(rng: np.random.Generator, scene: Scene, up: Floats) -> Floats:
    """(H, W) brightness around 1: from the sky, and from the lamp where nothing stands in it."""
    ambient = rng.uniform(*AMBIENT)
    reached = lit(scene.hits, scene.placed, scene.light).astype(np.float32)
    soft = cv2.resize(reached, up.shape[1:], interpolation=cv2.INTER_LINEAR)
    lamp = np.maximum(np.tensordot(scene.light, up, (0, 0)), 0) * soft
    return np.asarray(ambient * (0.75 + 0.25 * up[1]) + (EXPOSURE - ambient) * lamp, np.float32)


def _sky(rng: np.random.Generator, side: int) -> Floats:
    """(H, W, 3) one colour that fades into another from above to below."""
    above, below = palettes(rng, 1)[0]
    down = np.linspace(0, 1, side, dtype=np.float32)[:, None, None]
    return np.broadcast_to(above + (below - above) * down, (side, side, 3))
