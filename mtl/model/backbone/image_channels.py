"""Backbones for images of other than three channels."""

import torch
from torch import Tensor, nn

from mtl.errors import UserError
from mtl.model.backbone.base import Backbone
from mtl.model.resized import replace_tensor, settle

COLOURS = 3


def take_channels(backbone: Backbone, channels: int) -> None:
    """See that the first convolution reads so many channels, in place; its weights stay in use.

    What else looks at the image goes by ``backbone.image_channels``.

    Args:
        backbone: made for three.
        channels: of the images.

    Raises:
        UserError: it doesn't begin with a convolution of three channels.
    """
    if channels == COLOURS:
        return
    stage = backbone.description[0].name
    convolutions = (m for m in backbone.stages[stage].modules() if isinstance(m, nn.Conv2d))
    first = next(convolutions, None)
    if first is None or first.in_channels != COLOURS or first.groups != 1:
        raise UserError(
            f"data.channels={channels}: the backbone's stage {stage} doesn't begin with a "
            "convolution of three channels that could read others; choose another backbone"
        )
    with torch.no_grad():
        replace_tensor(first, "weight", spread(first.weight, channels))
    settle(first)
    backbone.image_channels = channels


def spread(weight: Tensor, channels: int) -> Tensor:
    """Kernels of three channels for another number (as timm's ``in_chans``; Wightman, 2019).

    A single channel gets their sum: it sees what it would see of a grey picture. Several get them
    in turn, as much smaller as there are more of them.

    Args:
        weight: (out, 3, kh, kw).
        channels: C, at least 1.

    Returns:
        (out, C, kh, kw).
    """
    if channels == 1:
        return weight.sum(1, keepdim=True)
    turns = torch.arange(channels, device=weight.device) % COLOURS
    return weight[:, turns] * (COLOURS / channels)
