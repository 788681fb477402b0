"""SegNet as the papers on multi-task attention use it."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtl.model.backbone.base import Backbone, Stage
from mtl.model.backbone.weights import apply_weights, torchvision_imagenet

CHANNELS = (64, 128, 256, 512, 512)
"""Of the encoder's blocks, which end at strides 2, 4, 8, 16 and 32."""
LAYERS = (2, 2, 3, 3, 3)
"""Convolutions of each block, as in VGG-16."""
SIDE = 2 ** len(CHANNELS)
"""Pixels that one cell of the encoder's last map shows."""


class SegNet(Backbone):
    """VGG-16's convolutions and their mirror image (Badrinarayanan et al., 2017).

    The decoder puts each value back to the pixel that the encoder's pooling took it from. As Liu et
    al., 2019, use it: all convolutions with batch normalisation, and features of 64 channels at
    every pixel, which are the only ones. The whole is one stage, ``segnet``, with stride 1.
    Pictures are padded at the right and below to a multiple of 32 pixels.

    Args:
        weights: ``none``, ``imagenet`` (VGG-16's, for the encoder) or a file.
    """

    def __init__(self, weights: str | None = "none") -> None:
        net = _Net()
        super().__init__({"segnet": net}, (Stage("segnet", CHANNELS[0], 1),))
        apply_weights(self, weights, net.as_vgg(), lambda: torchvision_imagenet("vgg16_bn"))


class _Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        there = zip((3, *CHANNELS[:-1]), CHANNELS, LAYERS, strict=True)
        back = zip(CHANNELS, (CHANNELS[0], *CHANNELS[:-1]), LAYERS, strict=True)
        self.encoder = nn.ModuleList(_block(*widths) for widths in there)
        self.decoder = nn.ModuleList(_block(*widths) for widths in reversed(list(back)))

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, 64, H, W)."""
        height, width = image.shape[-2:]
        x = F.pad(image, (0, -width % SIDE, 0, -height % SIDE))
        masks: list[Tensor] = []
        for block in self.encoder:
            x, mask = pooled(block(x))
            masks.append(mask)
        for block in self.decoder:
            x = block(unpooled(x, masks.pop()))
        return x[..., :height, :width]

    def as_vgg(self) -> nn.ModuleDict:
        """The encoder's layers under torchvision's names."""
        layers: list[nn.Module] = []
        for block in self.encoder:
            layers += [*cast(nn.Sequential, block), nn.MaxPool2d(2)]
        return nn.ModuleDict({"features": nn.Sequential(*layers)})


def _block(inputs: int, outputs: int, count: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for number in range(count):
        conv = nn.Conv2d(outputs if number else inputs, outputs, 3, padding=1)
        nn.init.xavier_normal_(conv.weight)
        nn.init.zeros_(cast(Tensor, conv.bias))
        layers += [conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def pooled(x: Tensor) -> tuple[Tensor, Tensor]:
    """The largest of each square of four pixels, and where it lay.

    torch's own unpooling has no kernel that repeats itself on a GPU, and no form in ONNX.

    Args:
        x: (B, C, H, W), of even sides.

    Returns:
        (B, C, H / 2, W / 2), and (B, C, 4, H / 2, W / 2) with 1 at that pixel of each square and 0
        at the others.
    """
    rows, channels, height, width = x.shape
    halves = x.view(rows, channels, height // 2, 2, width // 2, 2)
    squares = halves.permute(0, 1, 3, 5, 2, 4).flatten(2, 3)
    number = torch.arange(4, device=x.device).view(4, 1, 1)
    found = squares.argmax(2, keepdim=True) == number
    # No number in it depends on the values, but pruning's marks, which are NaN, have to pass.
    mask = found + 0 * squares.detach()
    return (squares * found).sum(2), mask


def unpooled(x: Tensor, mask: Tensor) -> Tensor:
    """Each value back in the pixel that it was taken from, zeros elsewhere.

    Args:
        x: (B, C, h, w).
        mask: see ``pooled``.

    Returns:
        (B, C, 2h, 2w).
    """
    squares = torch.unflatten(x.unsqueeze(2) * mask, 2, (2, 2))
    return squares.permute(0, 1, 4, 2, 5, 3).flatten(4, 5).flatten(2, 3)
