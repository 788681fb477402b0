"""The camera that sees a built-in scene.

World: x to the right, y up, z ahead, metres, the ground at y = 0, the camera above its origin.
Camera: x to the right, y down, z ahead; depth is along that z.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

VIEW: Final = 55.0
"""How wide the camera sees, degrees."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    Args:
        height: above the ground, metres.
        pitch: how far it looks down, radians.
        side: of the square picture, pixels.
    """

    height: float
    pitch: float
    side: int

    @cached_property
    def focal(self) -> float:
        """Pixels from the pinhole to the picture."""
        return self.side / 2 / math.tan(math.radians(VIEW / 2))

    @cached_property
    def tilt(self) -> tuple[float, float]:
        """Cosine and sine of the pitch."""
        return math.cos(self.pitch), math.sin(self.pitch)

    @property
    def place(self) -> Floats:
        """(3,): where it is in the world."""
        return np.array([0, self.height, 0], np.float32)

    @property
    def axes(self) -> Floats:
        """(3, 3): its right, down and ahead in the world, a row each."""
        c, s = self.tilt
        return np.array([[1, 0, 0], [0, -c, -s], [0, -s, c]], np.float32)

    def rays(self, fineness: int = 1) -> Floats:
        """World directions through the middle of every pixel, each one metre deep.

        Args:
            fineness: rays for each pixel in either direction.

        Returns:
            (3, H * fineness, W * fineness).
        """
        steps = (np.arange(self.side * fineness) + 0.5) / fineness
        slope = ((steps - self.side / 2) / self.focal).astype(np.float32)
        right, down, ahead = self.axes[:, :, None, None]
        return np.asarray(right * slope + down * slope[:, None] + ahead)

    def project(self, x: float, y: float, z: float) -> tuple[float, float]:
        """A world point in front of the camera to x, y in pixels."""
        c, s = self.tilt
        depth = z * c - (y - self.height) * s
        down = -z * s - (y - self.height) * c
        return x / depth * self.focal + self.side / 2, down / depth * self.focal + self.side / 2

    def on_ground(self, x: float, depth: float) -> tuple[float, float]:
        """World x and z of the ground at a column (pixels) and depth (metres) of the picture."""
        c, s = self.tilt
        below = (self.height / depth - s) / c
        return (x - self.side / 2) / self.focal * depth, depth * (c - below * s)

    def ground_depth(self, row: float) -> float:
        """Depth in metres of the ground at a row (pixels) below the horizon."""
        c, s = self.tilt
        return self.height / (s + (row - self.side / 2) / self.focal * c)

    def facing(self, normals: Floats) -> Floats:
        """(3, H, W) world directions to (H, W, 3): x right, y down, z towards the camera."""
        right, down, ahead = self.axes
        rows = np.stack([right, down, -ahead])
        return np.ascontiguousarray(np.tensordot(normals, rows, (0, 1)))
