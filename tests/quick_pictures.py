"""Curves and heat maps of runs are drawn small and blank, which takes a hundredth of the time.

What they look like is tested where they are drawn by themselves.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from mtl.drawing.curves.pictures import DRAWN
from mtl.learning.callbacks import conflict, curves
from mtl.runs import eval_curves


@contextmanager
def drawing_quickly() -> Iterator[None]:
    """All of this module, in this process."""
    with (
        patch.object(curves, "pictures", blank),
        patch.object(eval_curves, "pictures", blank),
        patch.object(conflict, "draw_matrices", blank_canvas),
    ):
        yield


def blank(curves: Mapping[str, Any], title: str) -> dict[str, npt.NDArray[np.uint8]]:
    """A picture for each entry that can be drawn."""
    return {name: blank_canvas() for name in DRAWN if curves.get(name)}


def blank_canvas(*_: object, **__: object) -> npt.NDArray[np.uint8]:
    return np.zeros((2, 2, 3), np.uint8)
