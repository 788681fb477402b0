"""The branch of a detector that tells where keypoints are."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtl.model.head.detection import NORM_GROUPS


class PointBranch(nn.Module):
    """Layers like those of FCOS's branches, of which each point of a pyramid gets K keypoints.

    Args:
        channels: of the pyramid's levels, a multiple of 32.
        convs: how many before the output.
        keypoints: K.
    """

    def __init__(self, channels: int, convs: int, keypoints: int) -> None:
        super().__init__()
        self.keypoints = keypoints
        layers: list[nn.Module] = []
        for _ in range(convs):
            conv = nn.Conv2d(channels, channels, 3, padding=1)
            layers += [conv, nn.GroupNorm(NORM_GROUPS, channels), nn.ReLU()]
        layers.append(nn.Conv2d(channels, 3 * keypoints, 3, padding=1))
        self.layers = nn.Sequential(*layers)
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.01)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """(n, P, K, 3), level by level, row by row.

        Args:
            maps: the pyramid's levels from fine to coarse, (n, channels, h, w) each.
        """
        levels = [self.layers(level).flatten(2).transpose(1, 2) for level in maps]
        every = torch.cat(levels, 1)
        return every.view(*every.shape[:2], self.keypoints, 3)
