"""The gradients of the tasks in one step, as a method sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

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
