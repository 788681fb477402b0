"""A small residual network for small images and for CPUs."""

from typing import NoReturn

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

from mtl.errors import UserError
from mtl.model.backbone.base import Backbone, Stage
from mtl.model.backbone.options import check_positive
from mtl.model.backbone.weights import apply_weights

STAGES = 3


class SmallCNN(Backbone):
    """A stem and three stages of basic residual blocks (He et al., ResNet, 2016).

    Width 24 costs 26 million multiply-adds for a 64 pixel image. Width 64 with ``stem_stride=1``
    has the shape and the size of the ResNet-9 that is common on CIFAR.

    Args:
        width: channels of the stem, doubled by each stage.
        depth: residual blocks (of two convolutions) in each stage.
        stem_stride: 1 or 2; features lie at strides ``stem_stride`` times 1, 2, 4 and 8.
        weights: ``none`` or a file.
    """

    def __init__(
        self, width: int = 24, depth: int = 1, stem_stride: int = 2, weights: str | None = "none"
    ) -> None:
        check_positive("width", width)
        check_positive("depth", depth)
        if stem_stride not in (1, 2):
            raise UserError(f"backbone.stem_stride={stem_stride}: allowed: 1, 2")
        stages: dict[str, nn.Module] = {
            "stem": nn.Sequential(
                nn.Conv2d(3, width, 3, stem_stride, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            )
        }
        description = [Stage("stem", width, stem_stride)]
        for number in range(1, STAGES + 1):
            before = description[-1]
            stage = Stage(f"stage{number}", before.channels * 2, before.stride * 2)
            stages[stage.name] = _stage(before.channels, stage.channels, depth)
            description.append(stage)
        super().__init__(stages, tuple(description))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        apply_weights(self, weights, self, _no_imagenet)


class Shortcut(nn.Conv2d):
    """Every second cell, then a 1x1 convolution.

    The same as one of stride 2, whose backward pass writes beyond its memory on processors
    without AVX-512 where there are fewer than 8 input channels (oneDNN in torch 2.14 and 2.15).
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h / 2, w / 2), rounded up."""
        return F.conv2d(x[..., ::2, ::2], self.weight)


def _stage(inputs: int, outputs: int, depth: int) -> nn.Sequential:
    shortcut = nn.Sequential(Shortcut(inputs, outputs), nn.BatchNorm2d(outputs))
    first = BasicBlock(inputs, outputs, stride=2, downsample=shortcut)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs) for _ in range(depth - 1)))


def _no_imagenet() -> NoReturn:
    raise UserError("backbone.weights=imagenet: small_cnn has none; allowed: none or a file")
