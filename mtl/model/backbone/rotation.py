"""Convolutions whose kernels are turned: ``backbone.rotation=filters``."""

from functools import reduce
from typing import Literal, cast

import torch
from torch import Tensor, nn

from mtl.errors import UserError
from mtl.model.backbone.base import Backbone
from mtl.model.backbone.options import check_choice

Pool = Literal["max", "mean"]
TURNS = 4


class TurnedConv2d(nn.Conv2d):
    """A convolution with its kernel turned by 0, 90, 180 and 270 degrees, pooled over the turns.

    The turns share one kernel, as in the first layer of Cohen and Welling, Group equivariant
    convolutional networks, 2016, pooled over the group at once. With stride 1 and padding that is
    the same on all sides, the output turns with the input by quarter turns; with a larger stride
    it does where the grid of outputs is symmetric in the input (odd kernel and odd side, or a
    stride that is the kernel's side).

    An ordinary convolution becomes one by its class alone, so that its parameters, their names and
    whoever holds it stay. The maximum costs four convolutions; the mean over the turns is one
    convolution with the mean kernel, whose smaller weights want a normalisation behind them.
    """

    pool: Pool

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, H, W) in, (B, C', H', W') out, of the ordinary convolution's size."""
        if self.pool == "mean":
            halves = self.weight + self.weight.rot90(2, (2, 3))
            mean = (halves + halves.rot90(1, (2, 3))) / TURNS
            pooled: Tensor = self._conv_forward(input, mean, self.bias)
            return pooled
        # One by one: stacked kernels and a maximum over their outputs took half as long again.
        kernels = (self.weight.rot90(turn, (2, 3)) for turn in range(TURNS))
        outputs = (self._conv_forward(input, kernel, self.bias) for kernel in kernels)
        largest: Tensor = reduce(torch.maximum, outputs)
        return largest


def turn_filters(module: nn.Module, pool: Pool, option: str) -> list[str]:
    """Make every convolution with a kernel larger than 1x1 a ``TurnedConv2d``, in place.

    Args:
        module: any; changed.
        pool: over the turns.
        option: that asks for it, for messages.

    Returns:
        The names of the convolutions.

    Raises:
        UserError: a kernel is not square, or its layer computes in a way of its own.
    """
    found = [
        (name, layer)
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Conv2d) and max(layer.kernel_size) > 1
    ]
    kinds = [_turned_kind(name, layer, option) for name, layer in found]
    for (_, layer), kind in zip(found, kinds, strict=True):
        layer.__class__ = kind
        cast(TurnedConv2d, layer).pool = pool
    return [name for name, _ in found]


def apply_rotation(backbone: Backbone, rotation: str, pool: str) -> None:
    """What ``backbone.rotation`` and ``backbone.rotation_pool`` say, done to a backbone.

    Args:
        backbone: changed in place; its weights stay.
        rotation: ``none`` or ``filters``.
        pool: ``max`` or ``mean``.

    Raises:
        UserError: other words, or nothing in this backbone can be turned.
    """
    check_choice("rotation", rotation, ("none", "filters"))
    check_choice("rotation_pool", pool, ("max", "mean"))
    if rotation == "none":
        return
    option = "backbone.rotation=filters"
    if not turn_filters(backbone, cast(Pool, pool), option):
        raise UserError(f"{option}: this backbone has no convolution to turn; use rotation=none")


def _turned_kind(name: str, layer: nn.Conv2d, option: str) -> type[TurnedConv2d]:
    for what, (height, width) in (("kernel", layer.kernel_size), ("dilation", layer.dilation)):
        if height != width:
            raise UserError(
                f"{option}: {name} has a {what} of {height}x{width}, which has no quarter turn; "
                "choose another backbone or rotation=none"
            )
    if type(layer) is nn.Conv2d:
        return TurnedConv2d
    if type(layer).__module__.startswith("timm."):
        # Not at the top: timm takes seconds to import, and few need it.
        from mtl.model.backbone.rotation_timm import Conv2dSame, TurnedConv2dSame

        if type(layer) is Conv2dSame:
            return TurnedConv2dSame
    raise UserError(
        f"{option}: {name} is a {type(layer).__name__}, whose kernel can't be turned; "
        "choose another backbone or rotation=none"
    )
