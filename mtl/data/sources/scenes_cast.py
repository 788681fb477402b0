"""Ray casting of the built-in scenes: what each ray meets, and what the light reaches."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mtl.data.sources.scenes_camera import Camera, Floats
from mtl.data.sources.scenes_solids import Solid

Window = tuple[slice, slice]
UP = np.array([0, 1, 0], np.float32)


@dataclass(frozen=True)
class Standing:
    """One solid of a scene.

    Args:
        shape: class index, in the order of SOLIDS.
        solid: in its own frame.
        x: of its foot in the world, metres.
        z: likewise.
        yaw: how far it is turned about the upright, radians.
    """

    shape: int
    solid: Solid
    x: float
    z: float
    yaw: float

    def inwards(self, vectors: Floats) -> Floats:
        """World directions (3, ...) in the solid's frame."""
        return _turned(vectors, self.yaw)

    def outwards(self, vectors: Floats) -> Floats:
        """The solid's directions (3, ...) in the world's frame."""
        return _turned(vectors, -self.yaw)

    def local(self, points: Floats) -> Floats:
        """World points (3, ...) in the solid's frame."""
        foot = np.array([self.x, 0, self.z], np.float32).reshape(3, *[1] * (points.ndim - 1))
        return self.inwards(points - foot)

    def window(self, camera: Camera) -> tuple[float, float, float, float]:
        """x1, y1, x2, y2 in pixels of what it can cover in the picture, and mostly less."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        corners = [
            camera.project(self.x + c * x + s * z, y, self.z - s * x + c * z)
            for x, y, z in self.solid.corners
        ]
        columns, rows = zip(*corners, strict=True)
        return min(columns), min(rows), max(columns), max(rows)


@dataclass(frozen=True)
class Hits:
    """What the rays of a picture meet.

    Args:
        points: (3, H, W) world, metres; the camera's own place where a ray meets nothing.
        depth: (H, W) metres along the camera's axis; inf where a ray meets nothing.
        owner: (H, W) uint8: 0 for the ground and the sky, k + 1 for the k-th solid.
        whole: how many rays would meet each solid if it were alone.
        windows: rows and columns in which each solid lies.
    """

    points: Floats
    depth: Floats
    owner: npt.NDArray[np.uint8]
    whole: npt.NDArray[np.int64]
    windows: tuple[Window, ...]

    def of(self, number: int) -> tuple[npt.NDArray[np.bool_], Floats]:
        """Where in its window (h, w) a solid is seen, and the window's world points (3, h, w)."""
        window = self.windows[number]
        return self.owner[window] == number + 1, self.points[:, *window]


def cast(camera: Camera, placed: Sequence[Standing], fineness: int = 1) -> Hits:
    """Send rays through every pixel.

    Args:
        camera: from which they start.
        placed: the solids, 255 at most, each wholly in the picture.
        fineness: rays for each pixel in either direction.
    """
    rays = camera.rays(fineness)
    with np.errstate(divide="ignore"):
        depth = np.where(rays[1] < 0, -camera.height / rays[1], np.float32(np.inf))
    owner = np.zeros(depth.shape, np.uint8)
    whole = np.zeros(len(placed), np.int64)
    windows: list[Window] = []
    for k, one in enumerate(placed):
        left, top, right, bottom = (edge * fineness for edge in one.window(camera))
        window = slice(int(top), int(bottom) + 1), slice(int(left), int(right) + 1)
        t = one.solid.enter(one.local(camera.place), one.inwards(rays[:, *window]))
        whole[k] = np.count_nonzero(t < np.inf)
        closer = t < depth[window]
        np.copyto(depth[window], t, where=closer)
        owner[window][closer] = k + 1
        windows.append(window)
    points = np.where(depth < np.inf, depth, 0) * rays
    points[1] += np.float32(camera.height)
    return Hits(points, depth, owner, whole, tuple(windows))


def normals(hits: Hits, placed: Sequence[Standing]) -> Floats:
    """(3, H, W) unit vectors in the world; those of the sky are the ground's."""
    found = np.empty_like(hits.points)
    found[:] = UP[:, None, None]
    for k, one in enumerate(placed):
        here, points = hits.of(k)
        outwards = one.outwards(one.solid.normal(one.local(points)))
        np.copyto(found[:, *hits.windows[k]], outwards, where=here)
    return found


def lit(hits: Hits, placed: Sequence[Standing], light: Floats) -> npt.NDArray[np.bool_]:
    """(H, W): where no other solid stands in the light.

    Args:
        hits: of the picture.
        placed: the solids.
        light: (3,) towards it, in the world.
    """
    found = np.ones(hits.owner.shape, np.bool_)
    for k, one in enumerate(placed):
        # A convex solid shades itself only where it is turned away.
        t = one.solid.enter(one.local(hits.points), one.inwards(light))
        found &= np.isinf(t) | (hits.owner == k + 1)
    return found


def _turned(vectors: Floats, angle: float) -> Floats:
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    x, y, z = vectors
    found = np.empty(vectors.shape, np.float32)
    found[0], found[1], found[2] = c * x - s * z, y, s * x + c * z
    return found
