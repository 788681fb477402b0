"""What is true of images on the left, what a network says of them on the right."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtl.data.batch import Batch
from mtl.data.inspection.draw import draw_values
from mtl.data.inspection.samples import separated_values
from mtl.data.preprocess.base import Frame
from mtl.data.sample import Target, TargetValue
from mtl.drawing.grid import GAP, grid
from mtl.drawing.pixels import LEAST_SIDE, to_pixels
from mtl.drawing.title import titled
from mtl.model.figures.predictions import draw_sample, unbatched
from mtl.model.network import Network

ACROSS = 2
"""Samples beside each other."""


@dataclass(frozen=True)
class ShownSample:
    """A sample that is to be drawn.

    Args:
        image: (C, S, S) float of any precision, normalised, on the CPU.
        name: of its file, or its id.
        truth: what the tasks are asked for, by target, in pixels of the network's picture.
        remark: stands above what the network says.
    """

    image: Tensor
    name: str
    truth: Mapping[str, TargetValue]
    remark: str = "predicted"


def shown(network: Network, batch: Batch, rows: Sequence[int]) -> list[ShownSample]:
    """Some samples of a batch, with copies of what they need.

    Args:
        network: whose tasks say which targets matter.
        batch: with a normalised float image.
        rows: which samples.
    """
    truths = separated_values(batch, targets_of(network), rows)
    return [
        ShownSample(
            batch.image[row].cpu().clone(),
            file_name(batch.ids[row]),
            {name: copy.deepcopy(wanted(network, name, value)) for name, value in truth.items()},
        )
        for row, truth in zip(rows, truths, strict=True)
    ]


def targets_of(network: Network) -> dict[str, Target]:
    """The targets that a network learns from, by name."""
    return {network.target_names[task]: network.head(task).target for task in network.tasks}


def wanted(network: Network, name: str, value: TargetValue) -> TargetValue:
    """What of a target's value its tasks are asked for; all of it where they differ in that."""
    tasks = [task for task in network.tasks if network.target_names[task] == name]
    same = len({type(network.head(task)) for task in tasks}) == 1
    return network.head(tasks[0]).wanted(value) if same else value


def file_name(sample_id: str) -> str:
    """A file without its folders; an id that is no file as it is."""
    path = PurePath(sample_id)
    return path.name if path.suffix else sample_id


def draw_beside_truth(
    network: Network,
    samples: Sequence[ShownSample],
    mean: tuple[float, ...],
    std: tuple[float, ...],
) -> npt.NDArray[np.uint8]:
    """A grid of samples, each twice; small images are enlarged, so that captions can be read.

    Args:
        network: decides and draws.
        samples: at least one, all of one size.
        mean: that was subtracted, per channel, in 0..1.
        std: that was divided by, per channel, in 0..1.
    """
    device = next(network.parameters()).device
    image = torch.stack([sample.image for sample in samples]).to(device)
    side = image.shape[-1]
    pictures = to_pixels(image, mean, std, LEAST_SIDE)
    factor = pictures[0].shape[0] // side
    frame = Frame(side * factor, side * factor, 1 / factor, 1 / factor)
    targets, tiles = targets_of(network), []
    heads = {task: network.head(task) for task in network.tasks}
    decisions = unbatched(network, network.predict(image))
    for sample, picture, found in zip(samples, pictures, decisions, strict=True):
        left = draw_values(picture, sample.truth, targets, factor)
        moved = {task: heads[task].to_original(p, frame) for task, p in found.items()}
        right = draw_sample(heads, picture, moved)
        tiles.append(_beside(_below(left, sample.name), _below(right, sample.remark)))
    return grid(tiles, columns=min(ACROSS, len(tiles)))


def _below(pictures: Sequence[npt.NDArray[np.uint8]], title: str) -> npt.NDArray[np.uint8]:
    """One below the other, with a title."""
    return titled(np.concatenate(pictures), title)


def _beside(left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """On white, where two tasks learn from one target and only one of the two shows both."""
    height = max(len(left), len(right))
    left, right = (
        np.pad(column, ((0, height - len(column)), (0, 0), (0, 0)), constant_values=255)
        for column in (left, right)
    )
    gap = np.full((len(left), GAP, 3), 255, np.uint8)
    return np.concatenate([left, gap, right], axis=1)
