"""``weighting=imtl_l``."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtl.learning.weighting.bases.losses import LossWeighting, Places


class IMTLL(LossWeighting):
    """Losses brought to one size by learned scales (Liu et al., 2021, the loss half of IMTL).

    Σ (exp(s) L - s), where s starts at 0: each weight is 1 at first and goes to 1 / L. There is one
    parameter per task, so that an optimiser's momentum doesn't move that of a task without labels.

    >>> losses = {"a": torch.tensor(2.0), "b": torch.tensor(4.0)}
    >>> IMTLL(["a", "b"])(losses).detach()  # (2 - 0) + (4 - 0)
    tensor(6.)

    Args:
        tasks: names of all tasks, in order.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__(tasks)
        self.log_scales = nn.ParameterList([nn.Parameter(torch.zeros(())) for _ in self.tasks])

    def combine(self, values: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        """The scaled sum, and what keeps scales from vanishing."""
        logs = torch.stack([self.log_scales[place] for place in places])
        weights = logs.exp()
        return (weights * values - logs).sum(), weights

    def ahead(self, places: Places) -> Tensor:
        """They depend on the scales alone."""
        return torch.stack([self.log_scales[place].detach() for place in places]).exp()
