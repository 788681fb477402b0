"""Curves of trainings are drawn small and blank, which takes a hundredth of the time.

What they look like is tested where they are drawn by themselves.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mtl.drawing.curves.pictures import DRAWN


def blank(curves: Mapping[str, Any], title: str) -> dict[str, npt.NDArray[np.uint8]]:
    """A picture for each entry that can be drawn."""
    return {name: np.zeros((2, 2, 3), np.uint8) for name in DRAWN if curves.get(name)}
