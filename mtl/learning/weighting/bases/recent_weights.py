"""``weighting.every``: weights that are in force for several steps."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class RecentWeights(nn.Module):
    """The weights that are in force between two steps in which they are found.

    Kept as plain numbers, in checkpoints too: reading a buffer would wait for a GPU.

    Args:
        count: of tasks.
        every: steps from one finding to the next.
    """

    def __init__(self, count: int, every: int) -> None:
        super().__init__()
        self.every = every
        self.age = 0
        self.values: list[float | None] = [None] * count

    def take(self, index: Sequence[int]) -> list[float] | None:
        """The weights for a step of these tasks, which then counts; None where they are due.

        Args:
            index: places of the tasks among all.
        """
        found = [self.values[place] for place in index]
        if self.age + 1 >= self.every or any(weight is None for weight in found):
            return None
        self.age += 1
        return [weight for weight in found if weight is not None]

    def keep(self, index: Sequence[int], weights: Sequence[float]) -> None:
        """Remember what was found."""
        self.age = 0
        for place, weight in zip(index, weights, strict=True):
            self.values[place] = float(weight)

    def get_extra_state(self) -> Tensor:
        """The age and the weights, infinite where there is none, for checkpoints."""
        weights = [math.inf if value is None else value for value in self.values]
        return torch.tensor([float(self.age), *weights], dtype=torch.float64)

    def set_extra_state(self, state: Tensor) -> None:
        """The counterpart."""
        age, *weights = state.tolist()
        self.age = int(age)
        self.values = [None if math.isinf(value) else value for value in weights]
