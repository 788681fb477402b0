"""Masks by kernels that each point of a pyramid makes for itself."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtl.model.reproducible import sampled

WIDTH = 8
"""Channels of the mask features and of the kernels' hidden layers, as in the paper."""
SIZES = ((WIDTH + 2, WIDTH), (WIDTH, WIDTH), (WIDTH, 1))
"""Inputs and outputs of the kernels of a point."""
COUNT = sum(inputs * outputs + outputs for inputs, outputs in SIZES)
REACH = 8
"""Strides that a distance of 1 from a point is."""


class ConditionalMasks(nn.Module):
    """CondInst (Tian, Shen and Chen, Conditional convolutions for instance segmentation, 2020).

    A branch on the finest level of the pyramid makes features of all pixels. Each point makes the
    weights of three small 1x1 convolutions, which from these features, and from how far a pixel is
    from the point, tell the pixels of its object from all others.

    Args:
        channels: of the pyramid's levels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, WIDTH, 1),
        )
        self.kernels = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, COUNT, 3, padding=1),
        )

    def forward(self, maps: Sequence[Tensor]) -> dict[str, Tensor]:
        """``kernels`` (n, P, COUNT) of all points, and ``mask_features`` (n, WIDTH, h, w).

        Args:
            maps: the pyramid's levels from fine to coarse, (n, channels, h, w) each.
        """
        kernels = [self.kernels(level).flatten(2).transpose(1, 2) for level in maps]
        return {"kernels": torch.cat(kernels, 1), "mask_features": self.features(maps[0])}


def mask_logits(
    kernels: Tensor, features: Tensor, places: Tensor, center: Tensor, stride: Tensor, side: int
) -> Tensor:
    """Whether places in the picture are of the objects of some points.

    Args:
        kernels: (n, K, COUNT) of the points.
        features: (n, WIDTH, h, w).
        places: (n, K, Q, 2) x and y, pixels.
        center: (n, K, 2) of the points, pixels.
        stride: (n, K) of the points' levels, pixels.
        side: of the picture, pixels.

    Returns:
        (n, K, Q) logits.
    """
    seen = sampled(features, places * (2 / side) - 1).permute(0, 2, 3, 1)
    away = (places - center.unsqueeze(2)) / (REACH * stride)[..., None, None]
    values = torch.cat([seen, away.to(seen.dtype)], -1)
    start = 0
    for number, (inputs, outputs) in enumerate(SIZES):
        weight = kernels[..., start : start + inputs * outputs]
        weight = weight.reshape(*weight.shape[:-1], inputs, outputs)
        start += inputs * outputs
        bias = kernels[..., None, start : start + outputs]
        start += outputs
        values = values @ weight + bias
        if number < len(SIZES) - 1:
            values = values.relu()
    return values.squeeze(-1)
