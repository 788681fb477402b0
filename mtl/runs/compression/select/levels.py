"""The channels that can be chosen among: those of the features that each head reads."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mtl.data.batch import Batch
from mtl.model.backbone.base import Features
from mtl.model.network import Network

Levels = dict[str, dict[int, Tensor]]
"""Task to stride to something for each channel, (C,), or for each row and channel, (R, C)."""


@torch.no_grad()
def fused(network: Network, image: Tensor) -> dict[str, Features]:
    """What each head gets of images, of the strides that it reads."""
    features = network.features(image)
    return {
        task: {s: maps for s, maps in found.items() if s in network.head(task).reads}
        for task, found in features.items()
    }


def gated(features: Mapping[str, Features], gates: Mapping[str, Mapping[int, Tensor]]) -> Levels:
    """Each task's features times its gates.

    Args:
        features: (R, C, h, w) each.
        gates: (C,) or (R, C) for each.
    """
    return {
        task: {
            stride: maps * gates[task][stride].view(-1, maps.shape[1], 1, 1)
            for stride, maps in found.items()
        }
        for task, found in features.items()
    }


def losses(
    network: Network, features: Mapping[str, Features], batch: Batch
) -> dict[str, tuple[Tensor, int]]:
    """Each task's loss, and of how many samples it is the mean.

    Args:
        network: in evaluation mode.
        features: what the heads get.
        batch: with the labels.
    """
    return {
        task: (network.loss(task, raw, labels), len(labels.index))
        for task, (raw, labels) in network.read(features, batch).items()
    }
