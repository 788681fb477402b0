"""``weighting=sdmgrad``."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mtl.errors import UserError
from mtl.learning.weighting.bases.gramian import GramianWeighting
from mtl.learning.weighting.bases.task_gradients import TaskGradients
from mtl.learning.weighting.tools.quadratic import Vector


class SDMGrad(GramianWeighting):
    """MGDA drawn towards the mean gradient, by a few steps of its weights (Xiao et al., 2023).

    With g_0 the mean gradient, the step is (Σ w g + lamda · g_0) / (1 + lamda). From the w of the
    step before, at first 1/m each, w takes ``steps`` steps on ‖Σ w g + lamda · g_0‖² / 2:
    w ← the point of the simplex nearest to w - rate · G (w + lamda / m), where G is the Gramian
    brought to a mean diagonal of 1, so that ``rate`` doesn't depend on the size of the losses.

    One batch is used for both w and the step, as in the authors' code for reinforcement learning,
    not independent ones. Their inner steps have a momentum of 0.5 and a rate of 10, at which w of
    unlike gradients jumps from corner to corner; here there is no momentum, and below 2/m the
    inner steps converge. torchjd's can't load its state into a fresh object, nor skip a task.

    >>> method = SDMGrad(["a", "b"], lamda=1.0, rate=0.5, steps=1)
    >>> seen = TaskGradients.of([[2.0, 0.0], [0.0, 1.0]])
    >>> [round(w, 4) for w in method.weights(seen).tolist()]  # w is (0.2, 0.8)
    [0.35, 0.65]

    Args:
        tasks: names of all tasks, in order.
        at: see ``GradientWeighting``.
        every: see ``GramianWeighting``.
        lamda: at least 0; at 0 w goes to MGDA's, the larger the nearer to the mean gradient.
        rate: greater than 0, of the inner steps.
        steps: at least 1, inner steps each time weights are found.

    Raises:
        UserError: a number is out of its range.
    """

    shares: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        at: str | Sequence[str] = "parameters",
        every: int = 1,
        lamda: float = 0.3,
        rate: float = 0.5,
        steps: int = 20,
    ) -> None:
        super().__init__(tasks, at, every)
        if not 0 <= lamda < math.inf:
            raise UserError(f"weighting.lamda={lamda:g}: must be a number, at least 0")
        if not 0 < rate < math.inf:
            raise UserError(f"weighting.rate={rate:g}: must be a number greater than 0")
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise UserError(f"weighting.steps={steps}: must be a whole number, at least 1")
        self.lamda = lamda
        self.rate = rate
        self.steps = steps
        count = len(self.tasks)
        self.register_buffer("shares", torch.full((count,), 1 / max(count, 1)))

    def weights(self, seen: TaskGradients) -> Tensor:
        """Non-negative, with sum 1."""
        index = seen.index.to(self.shares.device)
        kept = self.shares[index].cpu().double().numpy()
        mean = np.full(len(kept), 1 / len(kept))
        # What absent tasks have stays theirs: the others share out the rest among themselves.
        mass = kept.sum()
        shares = kept / mass if mass > 0 else mean
        gramian = (seen.gramian / seen.gramian.diagonal().mean()).numpy()
        for _ in range(self.steps):
            slope = gramian @ (shares + self.lamda * mean)
            shares = nearest_on_simplex(shares - self.rate * slope)
        self.shares[index] = torch.from_numpy(shares * mass).to(self.shares)
        return torch.from_numpy((shares + self.lamda * mean) / (1 + self.lamda))


def nearest_on_simplex(point: Vector) -> Vector:
    """The w ≥ 0 with sum 1 nearest to a point.

    It is the point, lowered by one number and cut off at 0 (Duchi et al., 2008). A quadratic
    program says the same in many times the time, which counts in a loop.
    """
    sums = np.cumsum(np.sort(point)[::-1])
    lowered = point - ((sums - 1) / np.arange(1, len(point) + 1)).max()
    found: Vector = np.clip(lowered, 0, None)
    return found
