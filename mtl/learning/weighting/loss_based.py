"""What methods are that look at the losses alone."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from mtl.learning.weighting.base import Weighting

Places = tuple[int, ...]
"""Where the tasks of a batch stand among all tasks; picks rows of a method's state."""

TINY = 1e-8
"""Losses below this count as reached by methods that take logarithms."""


class LossWeighting(Weighting):
    """One formula for the losses that are there, in float32 or finer.

    Args:
        tasks: names of all tasks, in order.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__(tasks)
        self._indices: dict[tuple[Places, torch.device], Tensor] = {}

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        """See ``combine``; notes the weights that are in force."""
        values, places = self.together(losses)
        total, weights = self.combine(values, places)
        self.in_force.update(zip(losses, weights.detach().unbind(), strict=True))
        return total

    @abstractmethod
    def combine(self, values: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        """Make one loss.

        Args:
            values: (m,) losses, m ≥ 1.
            places: of their tasks, ascending.

        Returns:
            Scalar to be minimised, and (m,) its derivatives by the losses.
        """

    def together(self, losses: dict[str, Tensor]) -> tuple[Tensor, Places]:
        """(m,) losses, and the places of their tasks."""
        values = torch.stack(
            [loss.to(torch.promote_types(loss.dtype, torch.float32)) for loss in losses.values()]
        )
        return values, tuple(self.tasks.index(task) for task in losses)

    def index(self, places: Places, device: torch.device) -> Tensor:
        """(m,) int64; kept, since a copy to a GPU at each step would wait for it."""
        key = (places, device)
        if key not in self._indices:
            self._indices[key] = torch.tensor(places, device=device)
        return self._indices[key]
