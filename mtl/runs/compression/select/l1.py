"""``select.method=l1``."""

import torch
from torch import Tensor

from mtl.runs.compression.select.learned import Gates

REACH = 3.0


class L1Gates(Gates):
    """Factors of at least 0 that begin at 1, under an L1 penalty (Liu et al., 2017).

    Each step is a gradient step and the penalty's proximal map, which takes the same off every
    factor and leaves exact zeros. A factor that has come to 0 opens again where the loss wants it.

    The score of a factor that is open in the end is 1 more than its size; that of another the share
    of the steps that it was open in.

    Args:
        count: see ``Gates``.
        seed: likewise; nothing is drawn.
    """

    def __init__(self, count: int, seed: int) -> None:
        super().__init__(count, 1.0, REACH, seed)
        self.steps = 0
        self.last_open = torch.zeros(count)

    def sample(self, parameters: Tensor, rows: int) -> Tensor:
        """The parameters."""
        return parameters

    def step(self, slope: Tensor, pressure: float, rate: float) -> None:
        """See the class."""
        self.steps += 1
        self.parameters = (self.parameters - rate * (slope + pressure)).clamp(min=0)
        self.last_open[self.parameters > 0] = self.steps

    @property
    def open(self) -> float:
        """Those that aren't 0."""
        return float((self.parameters > 0).sum())

    @property
    def scores(self) -> Tensor:
        """See the class."""
        return self.last_open / max(1, self.steps) + self.parameters
