"""``weighting=moco``."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mtl.learning.weighting.bases.rows import RowWeighting
from mtl.learning.weighting.bases.task_gradients import Row, TaskGradients
from mtl.learning.weighting.tools.inner_products import gramian
from mtl.learning.weighting.tools.quadratic import on_simplex
from mtl.learning.weighting.tools.task_copies import TaskCopies


class MoCo(RowWeighting):
    """Stochastic MGDA without its bias, by running means of the gradients (Fernando et al., 2023).

    With step k: y ← y - beta/√k (y - g) for each task, λ ← the point of the simplex nearest to
    λ - gamma/√k (YYᵀ + rho) λ; the step is Σ λ y. One copy of the shared parameters is kept per
    task.

    >>> method = MoCo(["a", "b"], beta=1.0, gamma=0.0)
    >>> method.bind([nn.Parameter(torch.zeros(2))])
    >>> seen = TaskGradients.of([[2.0, 0.0], [0.0, 4.0]])
    >>> [round(float(x), 4) for x in method.combine(seen, seed=0)[0]]  # the mean at first
    [1.0, 2.0]

    Args:
        tasks: names of all tasks, in order.
        at: only ``parameters``.
        beta: between 0 and 1, of the running means.
        gamma: at least 0, the step of the weights.
        rho: at least 0, pulls the weights towards equal ones.
    """

    places: ClassVar[tuple[str, ...]] = ("parameters",)
    shares: Tensor
    steps: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        at: str | Sequence[str] = "parameters",
        beta: float = 0.5,
        gamma: float = 0.1,
        rho: float = 0.0,
    ) -> None:
        super().__init__(tasks, at)
        self.beta = beta
        self.gamma = gamma
        self.rho = rho
        count = len(self.tasks)
        self.register_buffer("shares", torch.full((count,), 1 / max(count, 1)))
        self.register_buffer("steps", torch.zeros(count))
        self.means = TaskCopies(count)

    def bind(self, parameters: Sequence[nn.Parameter]) -> None:
        """A running mean for every task and parameter."""
        self.means.bind(parameters)

    @torch.no_grad()
    def combine(self, seen: TaskGradients, seed: int) -> Row:
        """Σ λ y over the tasks that are there, whose λ sum to 1."""
        index = seen.index.to(self.steps.device)
        self.steps[index] += 1
        steps = self.steps[index].cpu().double()
        tracked: list[Row] = []
        rows = zip(seen.index.tolist(), seen.rows, steps.tolist(), strict=True)
        for task, row, step in rows:
            kept: Row = []
            for mean, gradient in zip(self.means.of(task), row, strict=True):
                if gradient is not None:
                    mean.lerp_((gradient / seen.scale).to(mean.dtype), self.beta / step**0.5)
                kept.append(mean if gradient is not None else None)
            tracked.append(kept)
        products = gramian(tracked, self.shares).cpu().double().numpy()
        mass = self.shares[index].sum().cpu().double()
        shares = (self.shares[index].cpu().double() / mass).numpy()
        slope = products @ shares + self.rho * shares
        moved = shares - self.gamma / np.sqrt(steps.numpy()) * slope
        shares = on_simplex(np.eye(len(moved)), -moved)
        self.shares[index] = (torch.from_numpy(shares) * mass).to(self.shares)
        self.in_force = {t: torch.tensor(s) for t, s in zip(seen.tasks, shares, strict=True)}
        return [_mixture(column, shares, seen.scale) for column in zip(*tracked, strict=True)]


def _mixture(column: Sequence[Tensor | None], shares: np.ndarray, scale: float) -> Tensor | None:
    present = [(float(s) * scale, y) for s, y in zip(shares, column, strict=True) if y is not None]
    if not present:
        return None
    result = present[0][1] * present[0][0]
    for share, mean in present[1:]:
        result.add_(mean, alpha=share)
    return result
