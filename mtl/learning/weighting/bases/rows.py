"""The base class of the few methods that change the gradients themselves."""

from abc import abstractmethod

from mtl.learning.weighting.bases.gramian import GradientWeighting
from mtl.learning.weighting.bases.task_gradients import Row, TaskGradients


class RowWeighting(GradientWeighting):
    """One combined gradient, from the gradients themselves."""

    @abstractmethod
    def combine(self, seen: TaskGradients, seed: int) -> Row:
        """One row out of m ≥ 1.

        Args:
            seen: with ``rows``; they may be overwritten.
            seed: for random choices, the same in all processes.

        Returns:
            Aligned with the rows, times ``seen.scale`` like them.
        """
