"""Which solids a built-in scene holds, where they stand, and from where they are seen and lit."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from mtl.data.sources.scenes_camera import Camera, Floats
from mtl.data.sources.scenes_cast import Hits, Standing, cast
from mtl.data.sources.scenes_solids import SOLIDS, Solid

CAMERA_HEIGHT: Final = (1.4, 2.0)
"""Metres."""
CAMERA_PITCH: Final = (15.0, 35.0)
"""Degrees below the horizon."""
LIGHT_ELEVATION: Final = (25.0, 70.0)
"""Degrees above the horizon."""
LIGHT_SIDE: Final = 80.0
"""The light comes from behind the camera, or so many degrees to either side of that at most."""
MAIN_WIDTH: Final = (0.75, 1.1)
OTHER_WIDTH: Final = (0.4, 0.7)
"""Metres."""
MAIN_DEPTH: Final = (2.2, 3.6)
OTHER_DEPTH: Final = (2.2, 5.0)
"""Metres from the camera, along its axis."""
FEET: Final = (0.38, 0.97)
"""Rows in which solids may stand, shares of the picture."""
MAIN_RATIO: Final = 1.4
"""The main solid's visible area over any other's, at least."""
LEAST_VISIBLE: Final = 0.6
"""Share of its area that the others leave of a solid."""
TRIES: Final = 12

Window = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels."""


@dataclass(frozen=True)
class Scene:
    """One scene.

    Args:
        camera: that sees it.
        elevation: of the light above the horizon, degrees.
        light: (3,) unit vector towards it, in the world.
        placed: the solids, the main one first.
        hits: what the camera's pixels show.
    """

    camera: Camera
    elevation: float
    light: Floats
    placed: tuple[Standing, ...]
    hits: Hits


def arrange(rng: np.random.Generator, side: int, objects: tuple[int, int]) -> Scene:
    """Choose camera, light and solids, and place these where each can be seen.

    Args:
        rng: the scene's own stream.
        side: of the picture, pixels.
        objects: fewest and most solids.
    """
    count = int(rng.integers(objects[0], objects[1], endpoint=True))
    shapes = rng.integers(0, len(SOLIDS), count).tolist()
    elevation = rng.uniform(*LIGHT_ELEVATION)
    up, around = np.radians([elevation, rng.uniform(-LIGHT_SIDE, LIGHT_SIDE)])
    light = np.cos(up) * np.array([np.sin(around), np.tan(up), -np.cos(around)])
    while True:
        # All is drawn anew after a failure but the classes: one that is hard to place must not
        # become rare.
        pitch = math.radians(rng.uniform(*CAMERA_PITCH))
        camera = Camera(rng.uniform(*CAMERA_HEIGHT), pitch, side)
        placed = _place(rng, camera, shapes)
        if placed is None:
            continue
        hits = cast(camera, placed)
        visible = np.bincount(hits.owner.ravel(), minlength=count + 1)[1:]
        shown = (visible >= LEAST_VISIBLE * hits.whole).all()
        if shown and visible[0] >= MAIN_RATIO * max(visible[1:], default=0):
            return Scene(camera, float(elevation), light.astype(np.float32), tuple(placed), hits)


def _place(rng: np.random.Generator, camera: Camera, shapes: list[int]) -> list[Standing] | None:
    """Put each solid on free ground, wholly inside the picture; None if one finds no place."""
    highest, lowest = (camera.ground_depth(row * camera.side) for row in FEET)
    placed: list[Standing] = []
    windows: list[Window] = []
    for k, shape in enumerate(shapes):
        width, (near, far) = (OTHER_WIDTH, OTHER_DEPTH) if k else (MAIN_WIDTH, MAIN_DEPTH)
        near, far = max(near, lowest), min(far, highest)
        solid = _solid(rng, shape, rng.uniform(*width))
        for column, share, yaw in rng.random((TRIES, 3)).tolist():
            depth = near + share * (far - near)
            margin = solid.reach * camera.focal / depth
            x, z = camera.on_ground(margin + column * (camera.side - 2 * margin), depth)
            one = Standing(shape, solid, x, z, yaw * 2 * math.pi)
            window = one.window(camera)
            if (
                min(window) >= 0
                and max(window) < camera.side
                and (k == 0 or _area(windows[0]) >= MAIN_RATIO * _area(window))
                and all(_apart(one, other) for other in placed)
                and all(_beside(window, other) for other in windows)
            ):
                break
        else:
            return None
        placed.append(one)
        windows.append(window)
    return placed


def _solid(rng: np.random.Generator, shape: int, width: float) -> Solid:
    """One of a class; they are about equally large in the picture."""
    tall, deep = rng.uniform(0.7, 1.4), rng.uniform(0.6, 1.2)
    name, kind = list(SOLIDS.items())[shape]
    if name == "sphere":
        return kind(width, width, width)
    if name == "cone":
        return kind(width, width * (tall + 0.3), width)
    return kind(width, width * tall, width if kind.round else width * deep)


def _apart(one: Standing, other: Standing) -> bool:
    """Whether circles around the feet leave ground between them."""
    return math.hypot(one.x - other.x, one.z - other.z) > one.solid.reach + other.solid.reach


def _area(window: Window) -> float:
    left, top, right, bottom = window
    return max(0.0, right - left) * max(0.0, bottom - top)


def _beside(one: Window, other: Window) -> bool:
    """Whether neither window hides too much of the other."""
    shared = [max(one[0], other[0]), max(one[1], other[1])]
    overlap = _area((shared[0], shared[1], min(one[2], other[2]), min(one[3], other[3])))
    return overlap <= 0.5 * min(_area(one), _area(other))
