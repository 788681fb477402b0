"""What a network says of images, drawn on them."""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtl.data.preprocess.base import Frame
from mtl.drawing.grid import grid
from mtl.drawing.marks import draw_caption
from mtl.drawing.pixels import LEAST_SIDE
from mtl.model.network import Network


def unbatched(network: Network, predictions: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Task to batched prediction, to one mapping of task to prediction per sample."""
    per_task = {task: network.head(task).unbatch(found) for task, found in predictions.items()}
    return [dict(zip(per_task, row, strict=True)) for row in zip(*per_task.values(), strict=True)]


def draw_sample(
    network: Network,
    canvas: npt.NDArray[np.uint8],
    predictions: Mapping[str, Any],
) -> npt.NDArray[np.uint8]:
    """Draw all tasks' decisions on one image, areas first and captions last.

    Args:
        network: whose heads draw.
        canvas: (H, W, 3) uint8 RGB, not changed.
        predictions: task to prediction in the canvas's frame.
    """
    order = sorted(predictions, key=lambda task: network.head(task).target.kind.layer)
    for task in order:
        canvas = network.head(task).draw(canvas, predictions[task])
    captions = {task: network.head(task).captions(predictions[task]) for task in predictions}
    several = sum(map(bool, captions.values())) > 1
    lines = [
        f"{task}: {line}" if several else line for task, found in captions.items() for line in found
    ]
    return draw_caption(canvas, lines)


def draw_batch(
    network: Network, image: Tensor, mean: tuple[float, ...], std: tuple[float, ...]
) -> npt.NDArray[np.uint8]:
    """A grid of images with decisions; small images are enlarged, so that captions can be read.

    Args:
        network: decides and draws.
        image: (n, 3, S, S) float, normalised.
        mean: that was subtracted, per channel, in 0..1.
        std: that was divided by, per channel, in 0..1.
    """
    side = image.shape[-1]
    factor = max(1, -(-LEAST_SIDE // side))
    frame = Frame(side * factor, side * factor, 1 / factor, 1 / factor)
    shape = (1, 3, 1, 1)
    plain = image.float() * torch.tensor(std, device=image.device).view(shape) + torch.tensor(
        mean, device=image.device
    ).view(shape)
    pixels = (plain.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    tiles = []
    for canvas, found in zip(pixels, unbatched(network, network.predict(image)), strict=True):
        large = cv2.resize(canvas, (frame.width, frame.height), interpolation=cv2.INTER_CUBIC)
        moved = {task: network.head(task).to_original(p, frame) for task, p in found.items()}
        tiles.append(draw_sample(network, np.asarray(large, np.uint8), moved))
    return grid(tiles, columns=min(4, len(tiles)))
