"""Keypoints and the lines that join them."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from mtl.drawing.marks import Canvas, line_width
from mtl.drawing.palette import color

RIM = (0, 0, 0)
BONE = (235, 235, 235)


def draw_keypoints(
    canvas: Canvas,
    points: npt.NDArray[np.float32],
    filled: npt.NDArray[np.bool_],
    shown: npt.NDArray[np.bool_],
    lines: Sequence[tuple[int, int]],
) -> Canvas:
    """Draw the keypoints of objects in colours of their own, with lines between them.

    Args:
        canvas: not changed.
        points: (N, K, 2) x and y, pixels.
        filled: (N, K): drawn as a disc; others as a ring.
        shown: (N, K): which are drawn at all; a line needs both of its ends.
        lines: pairs of numbers of keypoints.
    """
    canvas = canvas.copy()
    width = line_width(canvas)
    radius = width + 1
    for places, full, there in zip(np.round(points).astype(int), filled, shown, strict=True):
        for one, other in lines:
            if there[one] and there[other]:
                ends = tuple(map(int, places[one])), tuple(map(int, places[other]))
                cv2.line(canvas, *ends, RIM, width + 1, cv2.LINE_AA)
                cv2.line(canvas, *ends, BONE, width, cv2.LINE_AA)
        for number in np.flatnonzero(there).tolist():
            place = (int(places[number, 0]), int(places[number, 1]))
            cv2.circle(canvas, place, radius + 1, RIM, -1, cv2.LINE_AA)
            thickness = -1 if full[number] else max(1, radius // 2)
            cv2.circle(canvas, place, radius, color(number), thickness, cv2.LINE_AA)
    return canvas
