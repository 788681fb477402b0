"""The base class of methods that see the losses alone."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from mtl.learning.weighting.bases.base import Weighting

Places = tuple[int, ...]
"""Where the tasks of a step stand among all tasks; picks rows of a method's state."""

TINY = 1e-8
"""Losses below this count as reached by methods that take logarithms."""


class LossWeighting(Weighting):
    """One formula for the losses of a step, in float32 or finer.

    Args:
        tasks: names of all tasks, in order.
    """

    looks_again: ClassVar[bool] = False
    """Whether ``after_step`` is to be called, with the same batches' losses under the new weights.

    That costs one more forward pass per step.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__(tasks)
        self._indices: dict[tuple[Places, torch.device], Tensor] = {}

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        """Combine; called once for each step. Notes the weights that are in force.

        With several processes each loss has the value over all of them, the same everywhere, and
        its gradient leads to this process's share; a loss without a share here has no gradient.

        Args:
            losses: scalar losses of the tasks that have a label in this step (at least one), each
                already multiplied by its ``heads.<task>.weight``.

        Returns:
            Scalar to be minimised.
        """
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

    def ahead(self, places: Places) -> Tensor | None:
        """The derivatives that ``combine`` will give, where they don't depend on the losses.

        Accumulated batches then need one backward pass each instead of one for every task.

        Args:
            places: of the tasks of the step, ascending.

        Returns:
            (m,), or None (unless a method says otherwise) where they do depend on the losses.
        """
        return None

    def after_step(self, losses: dict[str, Tensor]) -> None:
        """See ``looks_again``.

        Args:
            losses: as in ``forward``, of the same batches with the same dropout, without gradient.
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
