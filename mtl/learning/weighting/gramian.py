"""The base class of methods that see the inner products of the tasks' gradients."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from mtl.errors import UserError
from mtl.learning.weighting.base import Weighting

Row = list[Tensor | None]
"""One task's gradient, tensor by tensor; None where the task doesn't reach (or nothing trains)."""


@dataclass(frozen=True)
class TaskGradients:
    """The gradients of m tasks in one step, as a method sees them.

    Only tasks with a label in the step and a gradient that is not zero are among them.

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

    @classmethod
    def of(
        cls, rows: Sequence[Sequence[float]], losses: Sequence[float] | None = None
    ) -> TaskGradients:
        """Those of tasks ``a``, ``b``, ... with given gradients, to try a method on.

        Args:
            rows: m gradients of n numbers.
            losses: m numbers; None: all 1.
        """
        jacobian = torch.tensor(rows, dtype=torch.float64)
        return cls(
            tasks=tuple("abcdefghijklmnopqrstuvwxyz"[: len(rows)]),
            index=torch.arange(len(rows)),
            losses=torch.tensor(losses or [1.0] * len(rows), dtype=torch.float64),
            gramian=jacobian @ jacobian.T,
            rows=tuple([row.clone()] for row in jacobian),
        )


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


class RecentWeights(nn.Module):
    """The weights that are in force between two steps in which they are found.

    Kept as plain numbers, in checkpoints too: reading a buffer would wait for a GPU.

    Args:
        count: of tasks.
        every: steps from one finding to the next.
    """

    def __init__(self, count: int, every: int) -> None:
        super().__init__()
        self.every = every
        self.age = 0
        self.values: list[float | None] = [None] * count

    def take(self, index: Sequence[int]) -> list[float] | None:
        """The weights for a step of these tasks, which then counts; None where they are due.

        Args:
            index: places of the tasks among all.
        """
        found = [self.values[place] for place in index]
        if self.age + 1 >= self.every or any(weight is None for weight in found):
            return None
        self.age += 1
        return [weight for weight in found if weight is not None]

    def keep(self, index: Sequence[int], weights: Sequence[float]) -> None:
        """Remember what was found."""
        self.age = 0
        for place, weight in zip(index, weights, strict=True):
            self.values[place] = float(weight)

    def get_extra_state(self) -> Tensor:
        """The age and the weights, infinite where there is none, for checkpoints."""
        weights = [math.inf if value is None else value for value in self.values]
        return torch.tensor([float(self.age), *weights], dtype=torch.float64)

    def set_extra_state(self, state: Tensor) -> None:
        """The counterpart."""
        age, *weights = state.tolist()
        self.age = int(age)
        self.values = [None if math.isinf(value) else value for value in weights]
