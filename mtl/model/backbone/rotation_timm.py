"""Turned kernels in the convolutions of timm that choose their padding as TensorFlow does."""

from timm.layers.conv2d_same import Conv2dSame
from timm.layers.padding import pad_same
from torch import Tensor

from mtl.model.backbone.rotation import TurnedConv2d

__all__ = ["Conv2dSame", "TurnedConv2dSame"]


class TurnedConv2dSame(TurnedConv2d):
    """A turned ``timm.layers.Conv2dSame``, with its padding.

    That padding is larger at the bottom and the right where the stride does not divide evenly, so
    that such a layer turns with its input only up to that shift.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, H, W) in, (B, C', H / stride, W / stride), rounded up, out."""
        padded = pad_same(input, list(self.kernel_size), list(self.stride), list(self.dilation))
        return super().forward(padded)
