"""Atrous spatial pyramid pooling with a decoder."""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from mtl.model.backbone.base import Features, Stage
from mtl.model.head.pyramid_decoder import group_norm, upsample
from mtl.model.narrow import narrow_inputs
from mtl.model.reproducible import averaged

RATES = (6, 12, 18)
"""Of the dilated convolutions at stride 16; at others as many pixels of the picture."""
DETAIL = 48
"""Channels at most that the finest features are brought down to."""


class AsppDecoder(nn.Module):
    """The coarsest features seen at several distances at once, refined by the finest.

    DeepLabV3+ of Chen et al., Encoder-decoder with atrous separable convolution for semantic image
    segmentation, 2018, with ordinary convolutions, with group normalisation (a batch may be a
    single image), and without dropout. ``channels`` is 256 there.

    Args:
        stages: the features to use, from fine to coarse; the first and the last are.
        channels: of the decoder.
        outputs: how many maps.
    """

    def __init__(self, stages: Sequence[Stage], channels: int, outputs: int) -> None:
        super().__init__()
        fine, coarse = stages[0], stages[-1]
        self.strides = tuple(dict.fromkeys((fine.stride, coarse.stride)))
        rates = [max(1, round(rate * 16 / coarse.stride)) for rate in RATES]
        self.looks = nn.ModuleList(
            [_block(coarse.channels, channels, 1)]
            + [_block(coarse.channels, channels, 3, rate) for rate in rates]
        )
        self.everything = _block(coarse.channels, channels, 1)
        self.join = _block(channels * (len(rates) + 2), channels, 1)
        detail = min(DETAIL, channels)
        self.detail = _block(fine.channels, detail, 1) if len(self.strides) > 1 else None
        inputs = channels + (0 if self.detail is None else detail)
        self.refine = nn.Sequential(_block(inputs, channels, 3), _block(channels, channels, 3))
        self.classify = nn.Conv2d(channels, outputs, 1)

    def forward(self, features: Features) -> Tensor:
        """Stride to (n, C, h, w) in, (n, outputs, h, w) at the finest of its strides out."""
        coarse = features[self.strides[-1]]
        seen = [look(coarse) for look in self.looks]
        whole = self.everything(averaged(coarse, (1, 1))).expand_as(seen[0])
        joined = self.join(_beside([*seen, whole]))
        if self.detail is not None:
            fine = features[self.strides[0]]
            joined = _beside([upsample(joined, fine.shape[-2:]), self.detail(fine)])
        maps: Tensor = self.classify(self.refine(joined))
        return maps

    def narrow(self, kept: Mapping[int, Tensor]) -> None:
        """See ``Head``."""
        for block in (*self.looks, self.everything):
            _narrow(block, kept[self.strides[-1]])
        if self.detail is not None:
            _narrow(self.detail, kept[self.strides[0]])


def _beside(maps: Sequence[Tensor]) -> Tensor:
    """The channels of all, which come last in memory, as convolutions want them."""
    return torch.cat([own.permute(0, 2, 3, 1) for own in maps], -1).permute(0, 3, 1, 2)


def _block(inputs: int, outputs: int, kernel: int, rate: int = 1) -> nn.Sequential:
    padding = rate * (kernel // 2)
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=rate, bias=False)
    return nn.Sequential(convolution, group_norm(outputs), nn.ReLU())


def _narrow(block: nn.Module, kept: Tensor) -> None:
    narrow_inputs(cast(nn.Sequential, block)[0], kept)
