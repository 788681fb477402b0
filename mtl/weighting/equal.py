"""``weighting=equal``."""

import torch
from torch import Tensor

from mtl.weighting.base import Weighting


class Equal(Weighting):
    """The plain sum."""

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        """Sum of the losses that are there."""
        return torch.stack(tuple(losses.values())).sum()
