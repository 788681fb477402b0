"""From feature maps of several strides to one map of class scores."""

import math
from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import FeaturePyramidNetwork

from mtl.model.backbone.base import Features, Stage
from mtl.model.narrow import narrow_inputs
from mtl.model.reproducible import resized

GROUPS = 8


class PyramidDecoder(nn.Module):
    """A feature pyramid whose levels are added at the resolution of the finest.

    Like the semantic branch of Kirillov et al., Panoptic feature pyramid networks, 2019, with a
    single convolution per level.

    Args:
        stages: the features to use, from fine to coarse.
        channels: of the pyramid.
        outputs: how many maps.
    """

    def __init__(self, stages: Sequence[Stage], channels: int, outputs: int) -> None:
        super().__init__()
        self.strides = tuple(stage.stride for stage in stages)
        self.pyramid = FeaturePyramidNetwork(
            [stage.channels for stage in stages], channels, norm_layer=group_norm
        )
        self.classify = nn.Conv2d(channels, outputs, 1)

    def forward(self, features: Features) -> Tensor:
        """Stride to (n, C, h, w) in, (n, outputs, h, w) at the finest of its strides out."""
        levels = list(self.pyramid({str(s): features[s] for s in self.strides}).values())
        total = F.relu(levels[0])
        for level in levels[1:]:
            total = total + upsample(F.relu(level), total.shape[-2:])
        scores: Tensor = self.classify(total / math.sqrt(len(levels)))
        return scores

    def narrow(self, kept: Mapping[int, Tensor]) -> None:
        """See ``Head``."""
        narrow_pyramid(self.pyramid, [kept[stride] for stride in self.strides])


def narrow_pyramid(pyramid: FeaturePyramidNetwork, kept: Sequence[Tensor]) -> None:
    """Let each level of a pyramid read fewer channels.

    Args:
        pyramid: changed in place.
        kept: for each level, from fine to coarse, (k,) int64.
    """
    for block, index in zip(pyramid.inner_blocks, kept, strict=True):
        narrow_inputs(cast(nn.Sequential, block)[0], index)


def group_norm(channels: int) -> nn.GroupNorm:
    """For decoders, whose batches may be a single image."""
    # More than one channel in a group: a single 1x1 map must be something to normalise.
    return nn.GroupNorm(math.gcd(GROUPS, channels) if channels > GROUPS else 1, channels)


def upsample(scores: Tensor, size: Sequence[int] | torch.Size) -> Tensor:
    """Bilinear, (n, K, h, w) to (n, K, *size)."""
    height, width = size
    return resized(scores, (height, width))
