"""The base class of methods that see the inner products of the tasks' gradients."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from mtl.errors import UserError
from mtl.learning.weighting.bases.base import Weighting
from mtl.learning.weighting.bases.recent_weights import RecentWeights
from mtl.learning.weighting.bases.task_gradients import TaskGradients


class GradientWeighting(Weighting):
    """Combines the gradients of the tasks at the parameters that they share.

    Parameters that only one task reaches get that task's own gradient as it is.

    Args:
        tasks: names of all tasks, in order.
        at: where gradients are compared: ``parameters`` (all that tasks share),
            ``representation`` (the features that leave the encoder) or the name of a backbone
            stage, or a list of such names.

    Raises:
        UserError: this method can't look there.
    """

    places: ClassVar[tuple[str, ...]] = ("parameters", "representation", "stage")
    """Where this method can look."""

    def __init__(self, tasks: Sequence[str], at: str | Sequence[str] = "parameters") -> None:
        super().__init__(tasks)
        self.at: tuple[str, ...] = (at,) if isinstance(at, str) else tuple(at)
        if not self.at:
            raise UserError("weighting.at=[]: name at least one stage, or parameters")
        if self.place not in self.places:
            allowed = " or ".join("a stage" if p == "stage" else p for p in self.places)
            raise UserError(f"weighting.at={self.at[0]}: this method needs {allowed}")

    @property
    def place(self) -> str:
        """``parameters``, ``representation`` or ``stage``."""
        return self.at[0] if self.at[0] in ("parameters", "representation") else "stage"

    def bind(self, parameters: Sequence[nn.Parameter]) -> None:
        """Called once when the network is known, for methods with a state per parameter.

        Args:
            parameters: those that ``TaskGradients.rows`` are gradients of; none at the
                representation.
        """


class GramianWeighting(GradientWeighting):
    """A weight per task, from the inner products of their gradients.

    Args:
        tasks: names of all tasks, in order.
        at: see ``GradientWeighting``.
        every: at least 1. Weights are found anew every so many steps, and in a step with a task
            that has none yet; between them a step is one backward pass of the weighted sum.

    Raises:
        UserError: ``every`` is no such number.
    """

    def __init__(
        self, tasks: Sequence[str], at: str | Sequence[str] = "parameters", every: int = 1
    ) -> None:
        super().__init__(tasks, at)
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise UserError(f"weighting.every={every}: must be a whole number, at least 1")
        self.recent = RecentWeights(len(self.tasks), every)

    @abstractmethod
    def weights(self, seen: TaskGradients) -> Tensor:
        """Weights of the gradients.

        Random choices are to be drawn from torch's generator of the CPU, which is seeded by the
        run's seed and the step.

        Args:
            seen: m ≥ 1 tasks.

        Returns:
            (m,) float64 on the CPU.
        """
