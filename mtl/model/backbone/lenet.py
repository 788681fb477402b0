"""LeNet as the papers on MultiMNIST use it."""

from typing import NoReturn

import torch.nn.functional as F
from torch import Tensor, nn

from mtl.errors import UserError
from mtl.model.backbone.base import Backbone, Stage
from mtl.model.backbone.weights import apply_weights

SIDE = 36
"""Of the picture that one vector is made of, pixels."""


class LeNet(Backbone):
    """Two convolutions and a fully connected layer (LeCun et al., 1998; Sener and Koltun, 2018).

    A picture of 36 pixels becomes one vector. One of another size is padded at the right and below
    to a multiple of 36, and each square of that size becomes a vector. Since the convolutions do
    not pad, all layers are one stage, ``lenet``, with stride 36.

    Args:
        width: channels of the vector; 50 in the papers.
        dropout: share of the second convolution's channels that are dropped in training, 0 to
            below 1.
        weights: ``none`` or a file.
    """

    def __init__(self, width: int = 50, dropout: float = 0.5, weights: str | None = "none") -> None:
        super().__init__({"lenet": _Layers(width, dropout)}, (Stage("lenet", width, SIDE),))
        apply_weights(self, weights, self, _no_imagenet)


class _Layers(nn.Module):
    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 10, 5)
        self.second = nn.Conv2d(10, 20, 5)
        self.dropout = nn.Dropout2d(dropout)
        # 36 pixels leave 6 cells of 4; the next square begins 9 cells further.
        self.dense = nn.Conv2d(20, width, 6, stride=SIDE // 4)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, width, H / 36, W / 36), rounded up."""
        height, width = image.shape[-2:]
        x = F.pad(image, (0, -width % SIDE, 0, -height % SIDE))
        x = F.relu(F.max_pool2d(self.first(x), 2))
        x = F.relu(F.max_pool2d(self.dropout(self.second(x)), 2))
        return F.relu(self.dense(x))


def _no_imagenet() -> NoReturn:
    raise UserError("backbone.weights=imagenet: lenet has none; allowed: none or a file")
