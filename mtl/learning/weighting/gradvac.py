"""``weighting=gradvac``."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtl.errors import UserError
from mtl.learning.weighting.bases.gramian import GramianWeighting
from mtl.learning.weighting.bases.task_gradients import TaskGradients

STEEPEST = 1 - 1e-6
"""Largest cosine that gradients are turned to."""


class GradVac(GramianWeighting):
    """Gradients are turned to each other up to a usual cosine (Wang et al., 2021).

    Each pair's usual cosine is a running mean that starts at 0. torchjd's can't load its state
    into a fresh object, nor skip a task.

    >>> seen = TaskGradients.of([[1.0, 0.0], [-1.0, 1.0]])
    >>> GradVac(["a", "b"]).weights(seen).tolist()  # both turned until they are orthogonal
    [2.0, 1.5]

    Args:
        tasks: names of all tasks, in order.
        at: see ``GradientWeighting``.
        every: see ``GramianWeighting``.
        beta: at least 0 and less than 1, how much the newest cosine counts in the running mean;
            the paper's is 0.01.

    Raises:
        UserError: ``beta`` is out of its range.
    """

    usual: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        at: str | Sequence[str] = "parameters",
        every: int = 1,
        beta: float = 0.01,
    ) -> None:
        super().__init__(tasks, at, every)
        if not 0 <= beta < 1:
            raise UserError(f"weighting.beta={beta:g}: must be at least 0 and less than 1")
        self.beta = beta
        self.register_buffer("usual", torch.zeros(len(self.tasks), len(self.tasks)))

    def weights(self, seen: TaskGradients) -> Tensor:
        """Those of the sum of the changed gradients."""
        norms = seen.gramian.diagonal().sqrt()
        index = seen.index.to(self.usual.device)
        usual = self.usual[index[:, None], index].cpu().double()
        count = len(norms)
        mixtures = torch.eye(count, dtype=torch.float64)
        for i in range(count):
            mixture = mixtures[i]
            for j in torch.randperm(count).tolist():
                if j == i:
                    continue
                norm = (mixture @ seen.gramian @ mixture).clamp(min=0).sqrt()
                # Turned right onto others, a gradient may vanish; then it has no angle.
                cosine = (seen.gramian[j] @ mixture / (norm * norms[j]).clamp(min=1e-30)).clamp(
                    -1, 1
                )
                # Turned right onto another, a gradient would have to be infinitely long.
                goal = usual[i, j].clamp(-STEEPEST, STEEPEST)
                if cosine < goal:
                    sine, goal_sine = (1 - cosine**2).sqrt(), (1 - goal**2).sqrt()
                    turn = norm * (goal * sine - cosine * goal_sine) / (norms[j] * goal_sine)
                    mixture[j] += turn
                usual[i, j] = (1 - self.beta) * usual[i, j] + self.beta * cosine
        self.usual[index[:, None], index] = usual.to(self.usual)
        return mixtures.sum(0)
