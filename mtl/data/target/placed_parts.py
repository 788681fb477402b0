"""What albumentations can move of a target."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass
class PlacedParts:
    """What of a value lies in the picture, in forms that albumentations can move.

    Args:
        maps: arrays (H, W) or (H, W, C) as large as the picture.
        boxes: (N, 4) float32 pixels.
        rows: (N,) int64, which boxes of the value these are; some may be lost on the way.
        points: (P, 2) float32 pixels, NaN where one was lost on the way.
        mirrored: whether the picture was mirrored, as far as that is one thing for all of it.
        outside: (H, W) bool, which pixels were brought in from outside the picture; None before.
    """

    maps: list[npt.NDArray[Any]] = field(default_factory=list)
    boxes: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    rows: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    points: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    mirrored: bool = False
    outside: npt.NDArray[np.bool_] | None = None
