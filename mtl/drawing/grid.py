"""Several pictures of one size in one."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

GAP = 4


def grid(
    tiles: Sequence[npt.NDArray[np.uint8]], columns: int | None = None
) -> npt.NDArray[np.uint8]:
    """Lay tiles out in rows, on white.

    Args:
        tiles: (H, W, 3) uint8 RGB each, all of one shape; at least one.
        columns: per row; None for about as many as there are rows.
    """
    columns = columns or math.ceil(math.sqrt(len(tiles)))
    rows = math.ceil(len(tiles) / columns)
    height, width = tiles[0].shape[:2]
    canvas = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), 255, np.uint8)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        top, left = GAP + row * (height + GAP), GAP + column * (width + GAP)
        canvas[top : top + height, left : left + width] = tile
    return canvas
