"""What methods are that look at the gradients of the tasks."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from mtl.errors import UserError
from mtl.learning.weighting.base import Weighting

Row = list[Tensor | None]
"""One task's gradient, tensor by tensor; None where the task doesn't reach (or nothing trains)."""


@dataclass(frozen=True)
class Geometry:
    """How the gradients of m tasks lie to each other in one step.

    Only tasks with a label in the batch and a gradient that is not zero are among them.

    Args:
        tasks: their names.
        index: (m,) int64, their places among all tasks; picks rows of a method's state.
        losses: (m,) float64 on the CPU.
        gramian: (m, m) float64 on the CPU; inner products of the gradients, without loss scaling.
        rows: m gradients where ``at`` says, aligned with what ``bind`` was given; times ``scale``.
        scale: the factor of mixed precision's loss scaling that is on ``rows``.
    """

    tasks: tuple[str, ...]
    index: Tensor
    losses: Tensor
    gramian: Tensor
    rows: tuple[Row, ...] = ()
    scale: float = 1.0


class GradientWeighting(Weighting):
    """Combines the gradients of the tasks at the parameters that they share.

    Parameters that only one task reaches get that task's own gradient as it is.

    Args:
        tasks: names of all tasks, in order.
        at: where gradients are compared: ``parameters`` (all that tasks share),
            ``representation`` (the features that leave the encoder) or the name of a backbone
            stage, or a list of such names.
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
            parameters: those that ``Geometry.rows`` are gradients of; none at the representation.
        """

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        """The plain sum, for the log."""
        return torch.stack(tuple(losses.values())).sum()


class GramianWeighting(GradientWeighting):
    """A weight per task, from the inner products of their gradients."""

    reads_rows: ClassVar[bool] = False
    """Whether ``weights`` looks at ``Geometry.rows`` too; they may be empty where it doesn't."""

    @abstractmethod
    def weights(self, seen: Geometry) -> Tensor:
        """Weights of the rows.

        Random choices are to be drawn from torch's generator of the CPU, which is seeded by the
        run's seed and the step.

        Args:
            seen: m ≥ 1 tasks.

        Returns:
            (m,) float64 on the CPU.
        """


class RowWeighting(GradientWeighting):
    """One combined gradient, from the gradients themselves."""

    @abstractmethod
    def combine(self, seen: Geometry, seed: int) -> Row:
        """One row out of m ≥ 1.

        Args:
            seen: with ``rows``; they may be overwritten.
            seed: for random choices, the same in all processes.

        Returns:
            Aligned with the rows, times ``seen.scale`` like them.
        """


def check_preferences(
    tasks: Sequence[str], preferences: Mapping[str, float] | None
) -> dict[str, float] | None:
    """A preference for every task, 1 where none is given.

    Raises:
        UserError: a name is no task, or a number is not greater than 0.
    """
    if preferences is None:
        return None
    for task, value in preferences.items():
        if task not in tasks:
            raise UserError(f"weighting.preferences: '{task}' is no task; use {', '.join(tasks)}")
        if not value > 0:
            raise UserError(f"weighting.preferences.{task}={value}: must be greater than 0")
    return {task: float(preferences.get(task, 1.0)) for task in tasks}


def preference_vector(preferences: Mapping[str, float] | None, tasks: Sequence[str]) -> Tensor:
    """(m,) float64 with sum 1."""
    given = preferences or dict.fromkeys(tasks, 1.0)
    vector = torch.tensor([given[task] for task in tasks], dtype=torch.float64)
    return vector / vector.sum()
