"""``weighting=excess_mtl``."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from mtl.learning.weighting.bases.gramian import GramianWeighting
from mtl.learning.weighting.bases.task_gradients import TaskGradients
from mtl.learning.weighting.tools.task_copies import TaskCopies


class ExcessMTL(GramianWeighting):
    """More weight to tasks far from their own best (He et al., 2024).

    How far is estimated by gᵀ H⁻¹ g with H the root of the sum of all squared gradients, relative
    to the mean of that over the first steps; weights go up by its exponential. It keeps one copy
    of the compared parameters per task. torchjd's can't load its state into a fresh object, nor
    skip a task.

    >>> method = ExcessMTL(["a", "b"])
    >>> method.bind([nn.Parameter(torch.zeros(2, dtype=torch.float64))])
    >>> seen = TaskGradients.of([[3.0, 0.0], [0.0, 4.0]])
    >>> method.weights(seen).tolist()  # equal in the warm-up
    [0.5, 0.5]

    Args:
        tasks: names of all tasks, in order.
        at: ``parameters`` or a stage: features differ from batch to batch.
        every: see ``GramianWeighting``.
        rate: greater than 0, the step of the weights.
        warmup: steps of each task, at least 1, in which its estimates are only gathered.
    """

    places: ClassVar[tuple[str, ...]] = ("parameters", "stage")
    shares: Tensor
    steps: Tensor
    baseline: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        at: str | Sequence[str] = "parameters",
        every: int = 1,
        rate: float = 0.01,
        warmup: int = 1,
    ) -> None:
        super().__init__(tasks, at, every)
        self.rate = rate
        self.warmup = warmup
        count = len(self.tasks)
        self.register_buffer("shares", torch.full((count,), 1 / max(count, 1)))
        self.register_buffer("steps", torch.zeros(count))
        self.register_buffer("baseline", torch.zeros(count))
        self.squares = TaskCopies(count)

    def bind(self, parameters: Sequence[nn.Parameter]) -> None:
        """A sum of squares for every task and parameter."""
        self.squares.bind(parameters)

    @torch.no_grad()
    def weights(self, seen: TaskGradients) -> Tensor:
        """Non-negative; their sum is that of the shares of the tasks that are there."""
        index = seen.index.to(self.steps.device)
        excess = torch.stack(
            [
                self._excess(task, row, seen.scale)
                for task, row in zip(seen.index.tolist(), seen.rows, strict=True)
            ]
        )
        self.steps[index] += 1
        gathering = self.steps[index] <= self.warmup
        gathered = torch.where(gathering, excess / self.warmup, 0.0)
        self.baseline[index] += gathered
        relative = excess / self.baseline[index].clamp(min=1e-30)
        pace = torch.where(gathering, 1.0, relative)
        shares = self.shares[index]
        if not bool(gathering.any()):
            mass = shares.sum()
            shares = mass * torch.softmax(shares.log() + self.rate * pace, 0)
            self.shares[index] = shares
        return shares.cpu().double()

    def _excess(self, task: int, row: Sequence[Tensor | None], scale: float) -> Tensor:
        total = torch.zeros_like(self.baseline[0])
        for squares, gradient in zip(self.squares.of(task), row, strict=True):
            if gradient is None:
                continue
            square = (gradient / scale).square()
            squares.add_(square)
            total += (square / (squares + 1e-7).sqrt()).sum()
        return total
