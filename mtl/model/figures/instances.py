"""How much each view of an image counted, drawn on it."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtl.drawing.grid import grid
from mtl.drawing.marks import Canvas
from mtl.drawing.palette import RGB, color
from mtl.drawing.pixels import LEAST_SIDE, to_pixels
from mtl.model.network import Network
from mtl.model.views.placement import Placement

ROW = 22
INK = color(1)
DARKEST = 0.25


def draw_instances(
    network: Network, image: Tensor, mean: tuple[float, ...], std: tuple[float, ...]
) -> npt.NDArray[np.uint8] | None:
    """A grid of images with the weights of their instances.

    None where fusion has no weights, or the network hasn't been run yet.

    Views that are parts of the picture (tiles) are the darker the less they weigh; all others have
    a bar under the picture.

    Args:
        network: is run on the images.
        image: (n, 3, S, S) float, normalised.
        mean: that was subtracted, per channel, in 0..1.
        std: that was divided by, per channel, in 0..1.
    """
    if network.fusion.instance_weights is None:
        return None
    with torch.no_grad():
        network.features(image)
    weights = network.fusion.instance_weights
    assert weights is not None
    shown = [network.fusion.placements[view] for view in network.fusion.incoming]
    names = network.fusion.stream_names
    canvases = to_pixels(image, mean, std, LEAST_SIDE)
    tiles = [
        draw_weights(canvas, shown, names, row)
        for canvas, row in zip(canvases, weights.tolist(), strict=True)
    ]
    return grid(tiles, columns=min(4, len(tiles)))


def draw_weights(
    canvas: Canvas,
    placements: Sequence[Placement],
    names: Sequence[str],
    weights: Sequence[float],
) -> Canvas:
    """One image with the weights of its instances.

    Args:
        canvas: (H, W, 3) uint8 RGB, not changed.
        placements: of the instances.
        names: likewise.
        weights: likewise, with sum 1.

    Returns:
        (H', W, 3), as much higher as there are bars.
    """
    areas = [_area(placement, canvas.shape[0], canvas.shape[1]) for placement in placements]
    # Streams that show the same part count together.
    parts: dict[tuple[int, int, int, int], float] = {}
    for area, weight in zip(areas, weights, strict=True):
        if area is not None:
            parts[area] = parts.get(area, 0.0) + weight
    bars = [
        _bar(canvas.shape[1], f"{name} {weight:.2f}", weight)
        for area, name, weight in zip(areas, names, weights, strict=True)
        if area is None
    ]
    return np.concatenate([_shaded(canvas, parts), *bars])


def _shaded(canvas: Canvas, parts: dict[tuple[int, int, int, int], float]) -> Canvas:
    """Full brightness for the largest weight; a tint would be lost on coloured pictures."""
    canvas = canvas.copy()
    most = max(parts.values(), default=1.0)
    for (left, top, right, bottom), weight in parts.items():
        part = canvas[top:bottom, left:right]
        part[:] = (part * (DARKEST + (1 - DARKEST) * weight / most)).astype(np.uint8)
    for (left, top, right, bottom), weight in parts.items():
        cv2.rectangle(canvas, (left, top), (right - 1, bottom - 1), (255, 255, 255), 1)
        _write(canvas, f"{weight:.2f}", left + 4, top + ROW - 4, (255, 255, 255), (0, 0, 0))
    return canvas


def _bar(width: int, text: str, weight: float) -> Canvas:
    strip = np.full((ROW, width, 3), 255, np.uint8)
    strip[2 : ROW - 2, : max(1, round(weight * width))] = INK
    _write(strip, text, 4, ROW - 7, (0, 0, 0), (255, 255, 255))
    return strip


def _write(canvas: Canvas, text: str, x: int, y: int, ink: RGB, around: RGB) -> None:
    """Text from the left end (x, y) of its base line, with an outline."""
    for paint, thickness in ((around, 3), (ink, 1)):
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(canvas, text, (x, y), font, 0.5, paint, thickness, cv2.LINE_AA)


def _area(placement: Placement, height: int, width: int) -> tuple[int, int, int, int] | None:
    """The pixels (left, top, right, bottom) of an upright part of the picture; None for others."""
    (across, b, x), (d, down, y) = placement.matrix
    edges = (x - across, y - down, x + across, y + down)
    left, top, right, bottom = (min(1.0, max(-1.0, edge)) for edge in edges)
    if b or d or left >= right or top >= bottom or (left, top, right, bottom) == (-1, -1, 1, 1):
        return None
    x_1, x_2 = (round((x + 1) / 2 * width) for x in (left, right))
    y_1, y_2 = (round((y + 1) / 2 * height) for y in (top, bottom))
    return x_1, y_1, x_2, y_2
