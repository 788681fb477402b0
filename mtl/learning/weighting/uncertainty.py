"""``weighting=uncertainty``."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtl.learning.weighting.bases.losses import LossWeighting, Places


class Uncertainty(LossWeighting):
    """Losses divided by a learned variance of their task (Kendall, Gal and Cipolla, 2018).

    Σ (exp(-s) L + s) / 2 with s = log σ², which starts at 0: each weight is 1/2 at first and goes
    to 1 / (2 L). There is one parameter per task, so that an optimiser's momentum doesn't move that
    of a task without labels.

    >>> losses = {"a": torch.tensor(2.0), "b": torch.tensor(4.0)}
    >>> Uncertainty(["a", "b"])(losses).detach()  # (2 + 0) / 2 + (4 + 0) / 2
    tensor(3.)

    Args:
        tasks: names of all tasks, in order.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__(tasks)
        self.log_variances = nn.ParameterList([nn.Parameter(torch.zeros(())) for _ in self.tasks])

    def combine(self, values: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        """The scaled sum, and what keeps variances from growing."""
        logs = torch.stack([self.log_variances[place] for place in places])
        weights = 0.5 * torch.exp(-logs)
        return (weights * values + 0.5 * logs).sum(), weights

    def ahead(self, places: Places) -> Tensor:
        """They depend on the variances alone."""
        logs = torch.stack([self.log_variances[place].detach() for place in places])
        return 0.5 * torch.exp(-logs)
