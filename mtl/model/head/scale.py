"""The training split's statistics, in whose terms numbers are learned."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class Scale(nn.Module):
    """Mean and standard deviation of K numbers; 0 and 1 until they were looked at.

    They are part of the weights, so that a checkpoint says what its numbers mean.

    Args:
        count: K.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, count: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("std", torch.ones(count))

    def look_at(self, values: Iterable[Any]) -> None:
        """Take the statistics of what is known.

        A number that never changes, or is never known, is divided by 1.

        Args:
            values: (K,) each, NaN where unknown.
        """
        rows = np.array([*values, np.full(len(self.mean), np.nan)], np.float64)
        known = ~np.isnan(rows)
        count = np.maximum(known.sum(0), 1)
        mean = np.where(known, rows, 0).sum(0) / count
        std = np.sqrt((np.where(known, rows - mean, 0) ** 2).sum(0) / count)
        # What is left of a constant by rounding is no spread.
        std[std <= 1e-7 * np.abs(mean)] = 1
        self.mean.copy_(torch.from_numpy(mean))
        self.std.copy_(torch.from_numpy(std))
