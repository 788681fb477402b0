"""``weighting=gls``."""

import torch
from torch import Tensor

from mtl.learning.weighting.bases.losses import TINY, LossWeighting, Places


class GLS(LossWeighting):
    """The geometric mean of the losses (Chennupati et al., 2019).

    exp(mean(log L)): no loss's unit matters. A loss below 1e-8 leaves the mean, as that of a task
    without labels does: the mean would be 0 whatever the others are. Losses must not be negative.

    >>> GLS(["a", "b"])({"a": torch.tensor(2.0), "b": torch.tensor(8.0)})  # √(2 · 8)
    tensor(4.)
    """

    def combine(self, values: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        """The mean of those that are not yet zero; 0 without a gradient where all are."""
        alive = values > TINY
        count = alive.sum()
        # Chosen before the logarithm, whose slope at 0 would make the gradient NaN.
        logs = torch.where(alive, values, 1.0).log()
        mean = (logs.sum() / count.clamp(min=1)).exp()
        total = torch.where(count > 0, mean, 0.0)
        return total, torch.where(alive, total / (count * values), 0.0)
