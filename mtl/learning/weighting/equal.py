"""``weighting=equal``."""

import torch
from torch import Tensor

from mtl.learning.weighting.base import Weighting


class Equal(Weighting):
    """The plain sum."""

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        """Sum of the losses that are there, in float32."""
        return torch.stack([loss.float() for loss in losses.values()]).sum()
