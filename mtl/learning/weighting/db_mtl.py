"""``weighting=db_mtl``."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from mtl.errors import UserError
from mtl.learning.weighting.bases.losses import TINY
from mtl.learning.weighting.bases.rows import RowWeighting
from mtl.learning.weighting.bases.task_gradients import Row, TaskGradients
from mtl.learning.weighting.tools.inner_products import gramian
from mtl.learning.weighting.tools.task_copies import TaskCopies


class DBMTL(RowWeighting):
    """Losses by their logarithms, gradients brought to one length (Lin et al., 2023).

    With g = ∇L / (L + 1e-8) of each task and step k: y ← y + (1 - beta / k^power) (g - y), and the
    step is Σ y · max‖y‖ / ‖y‖ over the tasks that are there. With beta above 0 one copy of the
    shared parameters is kept per task.

    >>> method = DBMTL(["a", "b"], at="parameters", beta=0.0, power=0.5)
    >>> seen = TaskGradients.of([[3.0, 0.0], [0.0, 4.0]])
    >>> [round(x, 4) for x in method.combine(seen, seed=0)[0].tolist()]  # both 4 long
    [4.0, 4.0]

    Args:
        tasks: names of all tasks, in order.
        at: only ``parameters``.
        beta: at least 0 and less than 1, how much of the running mean stays; 0: no mean.
        power: at least 0, how fast that shrinks with a task's number of steps.
    """

    places: ClassVar[tuple[str, ...]] = ("parameters",)
    steps: Tensor

    def __init__(
        self, tasks: Sequence[str], at: str | Sequence[str], beta: float, power: float
    ) -> None:
        super().__init__(tasks, at)
        if beta >= 1:
            raise UserError(f"weighting.beta={beta:g}: must be less than 1")
        self.beta = beta
        self.power = power
        self.register_buffer("steps", torch.zeros(len(self.tasks)))
        self.means = TaskCopies(len(self.tasks))

    def bind(self, parameters: Sequence[nn.Parameter]) -> None:
        """A running mean for every task and parameter."""
        if self.beta > 0:
            self.means.bind(parameters)

    @torch.no_grad()
    def combine(self, seen: TaskGradients, seed: int) -> Row:
        """Σ y · max‖y‖ / ‖y‖, times the scale of the rows."""
        index = seen.index.to(self.steps.device)
        self.steps[index] += 1
        news = (1 - self.beta / self.steps[index].double().cpu() ** self.power).tolist()
        factors = (1 / (seen.losses + TINY)).tolist()
        rows: list[Row] = []
        for task, row, factor, new in zip(
            seen.index.tolist(), seen.rows, factors, news, strict=True
        ):
            rows.append(self._tracked(task, row, factor / seen.scale, new))
        lengths = gramian(rows, self.steps).diagonal().sqrt().double().cpu()
        pulls = lengths.max() / lengths.clamp(min=torch.finfo(torch.float32).tiny)
        self.in_force.update(
            zip(seen.tasks, (pulls * torch.tensor(factors).double()).unbind(), strict=True)
        )
        weights = (pulls * seen.scale).tolist()
        return [_sum(column, weights) for column in zip(*rows, strict=True)]

    def _tracked(self, task: int, row: Row, factor: float, new: float) -> Row:
        """The task's y; gradients of losses times ``factor`` are g."""
        if self.beta == 0:
            return [None if gradient is None else gradient.mul_(factor) for gradient in row]
        return [
            None if gradient is None else mean.lerp_((gradient * factor).to(mean.dtype), new)
            for mean, gradient in zip(self.means.of(task), row, strict=True)
        ]


def _sum(column: Sequence[Tensor | None], weights: Sequence[float]) -> Tensor | None:
    result: Tensor | None = None
    for weight, tensor in zip(weights, column, strict=True):
        if tensor is not None:
            result = tensor * weight if result is None else result.add_(tensor, alpha=weight)
    return result
