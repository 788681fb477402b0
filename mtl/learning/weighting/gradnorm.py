"""``weighting=gradnorm``."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtl.learning.weighting.bases.gramian import GramianWeighting
from mtl.learning.weighting.bases.losses import TINY
from mtl.learning.weighting.bases.task_gradients import TaskGradients
from mtl.learning.weighting.tools.inner_adam import InnerAdam


class GradNorm(GramianWeighting):
    """Gradient norms in step with how far each task still has to go (Chen et al., 2018).

    Σ w L, where w takes steps of an Adam of its own down Σ |w g - mean(w g) r^alpha|, the mean and
    r held constant: g is the norm of a task's gradient, r its loss relative to its first one,
    divided by the mean of that over tasks. Afterwards w is scaled so that its sum stays the number
    of tasks. As in the paper, a step uses the weights from before its own update.

    >>> weighting = GradNorm(["a", "b"], at="parameters", every=1, alpha=1.5, rate=0.025)
    >>> weighting.weights(TaskGradients.of([[4.0, 0.0], [0.0, 1.0]])).tolist()  # 1 at first
    [1.0, 1.0]

    Args:
        tasks: names of all tasks, in order.
        at: see ``GradientWeighting``; the authors take the last stage that is shared.
        every: see ``GramianWeighting``.
        alpha: at least 0; the larger, the more the slowest tasks are pushed.
        rate: greater than 0, learning rate of w.
    """

    factors: Tensor
    first: Tensor

    def __init__(
        self, tasks: Sequence[str], at: str | Sequence[str], every: int, alpha: float, rate: float
    ) -> None:
        super().__init__(tasks, at, every)
        self.alpha = alpha
        self.register_buffer("factors", torch.ones(len(self.tasks)))
        self.register_buffer("first", torch.zeros(len(self.tasks)))
        self.adam = InnerAdam(len(self.tasks), rate)

    @torch.no_grad()
    def weights(self, seen: TaskGradients) -> Tensor:
        """Positive."""
        index = seen.index.to(self.factors.device)
        losses = seen.losses.to(self.first)
        self.first[index] = torch.where(self.first[index] > 0, self.first[index], losses)
        factors = self.factors[index]
        norms = seen.gramian.diagonal().sqrt().to(factors)
        left = losses / self.first[index].clamp(min=TINY)
        rates = left / left.mean().clamp(min=TINY)
        wanted = (factors * norms).mean() * rates**self.alpha
        self.adam.step(self.factors, index, (factors * norms - wanted).sign() * norms)
        moved = self.factors[index].clamp(min=1e-3)
        self.factors[index] = moved * factors.sum() / moved.sum()
        return factors.cpu().double()
