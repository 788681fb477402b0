"""What is true of a built-in scene, in the forms that targets have."""

from typing import Final

import numpy as np
import numpy.typing as npt

from mtl.data.instances import Instances
from mtl.data.masks import Masks
from mtl.data.poses import Poses
from mtl.data.sample import Boxes
from mtl.data.sources.scenes_camera import Floats
from mtl.data.sources.scenes_cast import normals as world_normals
from mtl.data.sources.scenes_layout import Scene
from mtl.data.sources.scenes_solids import SOLIDS

FARTHEST: Final = 10.0
"""Metres from which on depth is unknown, as of a depth camera."""
KEYPOINTS: Final = ("bottom", "centre", "top")
"""Of a solid, on its axis."""
NUMBERS: Final = {"camera_height": "m", "camera_pitch": "°", "light_elevation": "°"}
"""Each with its unit; none of them changes in a mirror."""


def labels(scene: Scene) -> npt.NDArray[np.int8]:
    """(C,) 1 for the classes present."""
    found = np.zeros(len(SOLIDS), np.int8)
    found[[one.shape for one in scene.placed]] = 1
    return found


def mask(scene: Scene) -> npt.NDArray[np.uint8]:
    """(H, W): 0 for ground and sky, class index + 1 for solids."""
    return np.array([0, *(one.shape + 1 for one in scene.placed)], np.uint8)[scene.hits.owner]


def boxes(scene: Scene) -> Boxes:
    """Tight around each solid's visible pixels, in the order in which they were placed."""
    found = np.empty((len(scene.placed), 4), np.float32)
    for k in range(len(scene.placed)):
        rows, columns = np.nonzero(scene.hits.owner == k + 1)
        found[k] = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    classes = np.array([one.shape for one in scene.placed], np.int64)
    return Boxes(found, classes, np.zeros(len(classes), np.bool_))


def instances(scene: Scene) -> Instances:
    """The boxes with each solid's visible pixels."""
    owner = scene.hits.owner
    seen = (owner == k + 1 for k in range(len(scene.placed)))
    return Instances.of(boxes(scene), Masks.of(seen, owner.shape))


def depth(scene: Scene) -> Floats:
    """(H, W) metres along the camera's axis, NaN beyond ``FARTHEST``."""
    return np.where(scene.hits.depth < FARTHEST, scene.hits.depth, np.float32(np.nan))


def normals(scene: Scene) -> Floats:
    """(H, W, 3) unit vectors: x right, y down, z towards the camera; NaN in the sky."""
    found = scene.camera.facing(world_normals(scene.hits, scene.placed))
    found[np.isinf(scene.hits.depth)] = np.nan
    return found


def numbers(scene: Scene) -> Floats:
    """(3,) see ``NUMBERS``."""
    pitch = np.degrees(scene.camera.pitch)
    return np.array([scene.camera.height, pitch, scene.elevation], np.float32)


def keypoints(scene: Scene) -> Floats:
    """(1, 3, 3): x, y in pixels and visibility of the main solid's ``KEYPOINTS``."""
    return _axis(scene, 0)[None]


def poses(scene: Scene) -> Poses:
    """The boxes with each solid's ``KEYPOINTS``."""
    every = range(len(scene.placed))
    return Poses.of(boxes(scene), np.stack([_axis(scene, k) for k in every]))


def _axis(scene: Scene, k: int) -> Floats:
    """(3, 3): x, y in pixels and visibility of a solid's ``KEYPOINTS``.

    One is visible (2) where the picture shows the solid there, if only what lies before the point,
    and else hidden (1).
    """
    own = scene.placed[k]
    found = np.empty((len(KEYPOINTS), 3), np.float32)
    for row, share in enumerate((0.0, 0.5, 1.0)):
        x, y = scene.camera.project(own.x, share * own.solid.height, own.z)
        side = scene.camera.side
        inside = 0 <= x < side and 0 <= y < side
        seen = inside and scene.hits.owner[int(y), int(x)] == k + 1
        found[row] = x, y, 2 if seen else 1
    return found
