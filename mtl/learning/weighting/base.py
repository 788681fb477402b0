"""What a choice of ``weighting=`` has to be."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn


class Weighting(nn.Module, ABC):
    """Makes one loss out of the task losses.

    Whatever a method remembers from step to step is a buffer (float32) or a parameter, with its
    final shape from the start, so that checkpoints hold it and a resume goes on to the last digit.
    Parameters are trained by the run's optimiser, in the group ``weighting``. What is remembered
    of a task that has no label in a batch stays as it is.

    Methods that look at the tasks' gradients are ``GradientWeighting``.

    Args:
        tasks: names of all tasks, in order.
    """

    looks_again: ClassVar[bool] = False
    """Whether ``after_step`` is to be called, with this batch's losses under the new weights.

    That costs one more forward pass per step.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__()
        self.tasks = tuple(tasks)
        self.in_force: dict[str, Tensor] = {}
        """The last factor on each task's loss or gradient, for logs; methods fill it, detached."""

    @abstractmethod
    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        """Combine; called once for each training batch.

        With several processes each loss has the value over all of them, the same everywhere, and
        its gradient leads to this process's share; a loss without a share here has no gradient.

        Args:
            losses: scalar losses of the tasks that have a label in this batch (at least one), each
                already multiplied by its ``heads.<task>.weight``.

        Returns:
            Scalar to be minimised.
        """

    def after_step(self, losses: dict[str, Tensor]) -> None:
        """See ``looks_again``; not called where the step was only one part of an accumulation.

        Args:
            losses: as in ``forward``, of the same batch with the same dropout, without gradient.
        """

    def on_epoch_end(self) -> None:
        """Called after the last training batch of an epoch, before its checkpoint is written."""

    def gauges(self) -> dict[str, Tensor]:
        """Scalars worth a curve in the log, by name: the weights in force."""
        return dict(self.in_force)
