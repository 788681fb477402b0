"""What a choice of ``weighting=`` has to be."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn


class Weighting(nn.Module, ABC):
    """Makes one loss out of the task losses.

    Args:
        tasks: names of all tasks, in order.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__()
        self.tasks = tuple(tasks)

    @abstractmethod
    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        """Combine.

        Args:
            losses: scalar losses of the tasks that have a label in this batch (at least one), each
                already multiplied by its ``heads.<task>.weight``.

        Returns:
            Scalar to be minimised.
        """
