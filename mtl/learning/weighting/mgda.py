"""``weighting=mgda``."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mtl.errors import UserError
from mtl.learning.weighting.bases.gramian import GramianWeighting
from mtl.learning.weighting.bases.task_gradients import TaskGradients
from mtl.learning.weighting.tools.quadratic import on_simplex

NORMALISATIONS = ("none", "l2", "loss", "loss_plus")


class MGDA(GramianWeighting):
    """The shortest vector in the convex hull of the gradients (Désidéri, 2012).

    For networks by Sener and Koltun (2018), whose Frank-Wolfe steps are replaced by the exact
    solution of the quadratic program.

    >>> seen = TaskGradients.of([[2.0, 0.0], [0.0, 1.0]])
    >>> [round(w, 6) for w in MGDA(["a", "b"]).weights(seen).tolist()]  # (0.4, 0.8) is shortest
    [0.2, 0.8]

    Args:
        tasks: names of all tasks, in order.
        at: see ``GradientWeighting``; ``representation`` is the authors' MGDA-UB.
        every: see ``GramianWeighting``.
        normalise: what gradients are divided by while the weights are sought, as in the authors'
            code: ``none``, ``l2`` (their norm), ``loss`` (their task's loss) or ``loss_plus``
            (both).

    Raises:
        UserError: ``normalise`` is none of these.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        at: str | Sequence[str] = "parameters",
        every: int = 1,
        normalise: str = "none",
    ) -> None:
        super().__init__(tasks, at, every)
        if normalise not in NORMALISATIONS:
            raise UserError(f"weighting.normalise={normalise}: use {', '.join(NORMALISATIONS)}")
        self.normalise = normalise

    def weights(self, seen: TaskGradients) -> Tensor:
        """Non-negative, with sum 1."""
        divisors = torch.ones_like(seen.losses)
        if self.normalise in ("l2", "loss_plus"):
            divisors = divisors * seen.gramian.diagonal().sqrt()
        if self.normalise in ("loss", "loss_plus"):
            divisors = divisors * seen.losses.abs().clamp(min=1e-12)
        gramian = seen.gramian / divisors[:, None] / divisors
        gramian = gramian / gramian.diagonal().mean()
        return torch.from_numpy(on_simplex(gramian.numpy(), np.zeros(len(gramian))))
