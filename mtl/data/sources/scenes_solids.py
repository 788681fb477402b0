"""The solids of the built-in scenes: where a ray enters one, and which way its surface looks there.

Each stands on the ground (y = 0) over the origin of its own frame, whose y axis points up. Rays
and points are arrays whose first axis holds x, y and z; the other axes broadcast.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Solid(ABC):
    """A convex solid.

    Args:
        width: along x, metres.
        height: along y.
        depth: along z.
    """

    width: float
    height: float
    depth: float
    round: ClassVar[bool] = True
    """Whether width and depth are one diameter."""

    @cached_property
    def reach(self) -> float:
        """Radius of the circle around its foot, metres."""
        return math.hypot(self.width, 0 if self.round else self.depth) / 2

    @abstractmethod
    def enter(self, origin: Floats, ray: Floats) -> Floats:
        """How many times a ray's own length lies from its origin to where it enters; inf: nowhere.

        Args:
            origin: (3, ...) outside the solid and not below the ground.
            ray: (3, ...) any length above 0.
        """

    @abstractmethod
    def normal(self, point: Floats) -> Floats:
        """(3, ...) unit vectors outwards at (3, ...) points of the surface; elsewhere anything."""

    @cached_property
    def corners(self) -> list[tuple[float, float, float]]:
        """Of the cuboid around it."""
        x, z = self.width / 2, self.depth / 2
        return [(a, b, c) for a in (-x, x) for b in (0.0, self.height) for c in (-z, z)]


class Sphere(Solid):
    """Width, height and depth are its diameter."""

    def enter(self, origin: Floats, ray: Floats) -> Floats:
        """The smaller root of |origin + t ray - centre| = radius."""
        x, y, z = origin[0], origin[1] - self.height / 2, origin[2]
        b = x * ray[0] + y * ray[1] + z * ray[2]
        c = x * x + y * y + z * z - (self.height / 2) ** 2
        length = ray[0] * ray[0] + ray[1] * ray[1] + ray[2] * ray[2]
        with np.errstate(invalid="ignore"):
            return _ahead((-b - np.sqrt(b * b - length * c)) / length)

    def normal(self, point: Floats) -> Floats:
        """Away from the centre."""
        away = point - _column(0, self.height / 2, 0, point)
        return np.asarray(away / np.sqrt((away * away).sum(0)))


class Cuboid(Solid):
    """A box, as the class is called."""

    round = False

    def enter(self, origin: Floats, ray: Floats) -> Floats:
        """Where the ray is between all three pairs of faces."""
        near, far = _between(origin[1], ray[1], 0.0, self.height)
        for axis, side in ((0, self.width), (2, self.depth)):
            first, last = _between(origin[axis], ray[axis], -side / 2, side / 2)
            near, far = np.maximum(near, first), np.minimum(far, last)
        return _ahead(near, near < far)

    def normal(self, point: Floats) -> Floats:
        """Of the nearest face."""
        half = _column(self.width, self.height, self.depth, point) / 2
        place = point / half - _column(0, 1, 0, point)
        axes = np.arange(3).reshape(3, *[1] * (point.ndim - 1))
        return np.where(np.abs(place).argmax(0) == axes, np.sign(place), np.float32(0))


class Cylinder(Solid):
    """Upright; width and depth are its diameter."""

    def enter(self, origin: Floats, ray: Floats) -> Floats:
        """Where the ray is both within the round and below the top."""
        a = ray[0] * ray[0] + ray[2] * ray[2]
        b = origin[0] * ray[0] + origin[2] * ray[2]
        c = origin[0] * origin[0] + origin[2] * origin[2] - (self.width / 2) ** 2
        with np.errstate(invalid="ignore"):
            root = np.sqrt(b * b - a * c)
        low, high = _between(origin[1], ray[1], 0.0, self.height)
        near = np.maximum(low, (-b - root) / a)
        return _ahead(near, near < np.minimum(high, (-b + root) / a))

    def normal(self, point: Floats) -> Floats:
        """Up on the top, else away from the axis."""
        radius = np.hypot(point[0], point[2])
        top = self.height - point[1] < self.width / 2 - radius
        side = np.where(top, 0, 1 / np.maximum(radius, 1e-6))
        return np.asarray(np.stack([point[0] * side, top, point[2] * side]), np.float32)


class Cone(Solid):
    """Upright, its tip above; width and depth are the diameter of its foot."""

    def enter(self, origin: Floats, ray: Floats) -> Floats:
        """The nearer root of the double cone's equation that lies between foot and tip."""
        slope = (self.width / 2 / self.height) ** 2
        below = self.height - origin[1]
        a = ray[0] * ray[0] + ray[2] * ray[2] - slope * ray[1] * ray[1]
        b = origin[0] * ray[0] + origin[2] * ray[2] + slope * below * ray[1]
        c = origin[0] * origin[0] + origin[2] * origin[2] - slope * below * below
        with np.errstate(invalid="ignore"):
            root = np.sqrt(b * b - a * c)
        found = []
        for t in ((-b - root) / a, (-b + root) / a):
            y = origin[1] + t * ray[1]
            found.append(_ahead(t, (y >= 0) & (y <= self.height)))
        return np.minimum(*found)

    def normal(self, point: Floats) -> Floats:
        """At right angles to the line from the foot to the tip."""
        radius = np.maximum(np.hypot(point[0], point[2]), 1e-6)
        steep = np.hypot(self.height, self.width / 2)
        out = self.height / steep / radius
        up = np.full_like(radius, self.width / 2 / steep)
        return np.asarray(np.stack([point[0] * out, up, point[2] * out]), np.float32)


SOLIDS: dict[str, type[Solid]] = {
    "sphere": Sphere,
    "box": Cuboid,
    "cylinder": Cylinder,
    "cone": Cone,
}
"""By class name, in the order of the classes."""


def _column(x: float, y: float, z: float, like: Floats) -> Floats:
    """A vector that broadcasts with (3, ...)."""
    return np.array([x, y, z], np.float32).reshape(3, *[1] * (like.ndim - 1))


def _between(origin: Floats, ray: Floats, low: float, high: float) -> tuple[Floats, Floats]:
    """From where to where a ray is between two parallel planes."""
    with np.errstate(divide="ignore", invalid="ignore"):
        first, last = (low - origin) / ray, (high - origin) / ray
    return np.minimum(first, last), np.maximum(first, last)


def _ahead(t: Floats, hit: npt.NDArray[np.bool_] | bool = True) -> Floats:
    """Where it is a hit in front of the origin, else inf; NaN counts as none."""
    return np.asarray(np.where(hit & (t > 0), t, np.inf), np.float32)
