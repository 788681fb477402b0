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

    Those of small objects, or close together, are drawn smaller, so that they can be told apart.

    Args:
        canvas: not changed.
        points: (N, K, 2) x and y, pixels.
        filled: (N, K): drawn as a disc; others as a ring.
        shown: (N, K): which are drawn at all; a line needs both of its ends.
        lines: pairs of numbers of keypoints.
    """
    canvas = canvas.copy()
    widest = line_width(canvas)
    for places, full, there in zip(np.round(points).astype(int), filled, shown, strict=True):
        radius = int(min(widest + 1, _spacing(places[there]) / 2))
        width, rim = (widest, 1) if radius > 1 else (1, 0)
        for one, other in lines:
            if there[one] and there[other]:
                ends = tuple(map(int, places[one])), tuple(map(int, places[other]))
                cv2.line(canvas, *ends, RIM, width + rim, cv2.LINE_AA)
                cv2.line(canvas, *ends, BONE, width, cv2.LINE_AA)
        for number in np.flatnonzero(there).tolist():
            place = (int(places[number, 0]), int(places[number, 1]))
            if radius == 0:
                # OpenCV's circle without a radius has no pixel.
                cv2.line(canvas, place, place, color(number), 1)
                continue
            if rim:
                cv2.circle(canvas, place, radius + rim, RIM, -1, cv2.LINE_AA)
            thickness = -1 if full[number] or not rim else max(1, radius // 2)
            cv2.circle(canvas, place, radius, color(number), thickness, cv2.LINE_AA)
    return canvas


def _spacing(places: npt.NDArray[np.int_]) -> float:
    """The median distance of a point from its nearest neighbour; of a single one there is none."""
    if len(places) < 2:
        return float("inf")
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    return float(np.median(distances.min(1)))
