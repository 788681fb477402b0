"""What every choice of ``weighting=`` has."""

from abc import ABC
from collections.abc import Sequence

from torch import Tensor, nn


class Weighting(nn.Module, ABC):
    """Makes one step out of the tasks' losses, or out of their gradients.

    Whatever a method remembers from step to step is a buffer (float32), a parameter or
    ``TaskCopies``, with its final shape from the start, so that checkpoints hold it and a resume
    goes on to the last digit. Parameters are trained by the run's optimiser, in the group
    ``weighting``. What is remembered of a task that has no label in a step stays as it is.

    Ranges of options stand in the method's yaml, which answers before torch is imported; a method
    checks what only it can know in ``__init__``.

    Args:
        tasks: names of all tasks, in order.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__()
        self.tasks = tuple(tasks)
        self.in_force: dict[str, Tensor] = {}
        """The last factor on each task's loss or gradient, for logs; detached.

        Noted for methods that return weights; those that change gradients fill it themselves.
        """

    def on_epoch_end(self) -> None:
        """Called after the last training batch of an epoch, before its checkpoint is written."""

    def gauges(self) -> dict[str, Tensor]:
        """Scalars worth a curve in the log, by name: the weights in force."""
        return dict(self.in_force)
