"""``weighting=cagrad``."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from mtl.learning.weighting.bases.gramian import GramianWeighting
from mtl.learning.weighting.bases.task_gradients import TaskGradients
from mtl.learning.weighting.tools.preferences import check_preferences, preference_vector
from mtl.learning.weighting.tools.quadratic import Matrix, Vector, on_simplex


class CAGrad(GramianWeighting):
    """The step near the mean gradient whose worst task gains most (Liu et al., 2021).

    Within a ball of radius ``c`` times the mean gradient's norm around it.

    torchjd's does the same through a modelling language, which takes 15 ms a step.

    >>> seen = TaskGradients.of([[2.0, 0.0], [0.0, 2.0]])
    >>> weights = CAGrad(["a", "b"], c=0.0).weights(seen)
    >>> [round(w, 6) for w in weights.tolist()]  # the mean gradient
    [0.5, 0.5]

    Args:
        tasks: names of all tasks, in order.
        at: see ``GradientWeighting``.
        every: see ``GramianWeighting``.
        c: at least 0; below 1 the mean loss converges, at 0 the step is the mean gradient.
        preferences: task to its share in the mean; null: all alike.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        at: str | Sequence[str] = "parameters",
        every: int = 1,
        c: float = 0.4,
        preferences: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(tasks, at, every)
        self.c = c
        self.preferences = check_preferences(tasks, preferences)

    def weights(self, seen: TaskGradients) -> Tensor:
        """The mean's, and what the worst tasks get on top."""
        mean = preference_vector(self.preferences, seen.tasks).numpy()
        gramian = (seen.gramian / seen.gramian.diagonal().mean()).numpy()
        radius = self.c * float(np.sqrt(max(mean @ gramian @ mean, 0.0)))
        worst = worst_mixture(gramian, mean, radius)
        norm = float(np.sqrt(max(worst @ gramian @ worst, 0.0)))
        return torch.from_numpy(mean + radius / (norm + 1e-6) * worst)


def worst_mixture(gramian: Matrix, mean: Vector, radius: float) -> Vector:
    """The w on the simplex that minimises g_wᵀ·g_0 + radius·‖g_w‖ (the paper's eq. 4).

    ‖g‖ is the least of ‖g‖² / 2t + t / 2 over t > 0, so that both are minimised in turn, which
    converges as the sum is convex in both together.

    Args:
        gramian: (m, m) with mean diagonal 1.
        mean: (m,) shares of g_0.
        radius: at least 0.
    """
    weights = mean
    linear = gramian @ mean
    for _ in range(200):
        norm = float(np.sqrt(max(float(weights @ gramian @ weights), 1e-12)))
        curvature = max(radius / norm, 1e-9)
        found = on_simplex(curvature * gramian, linear)
        if float(np.abs(found - weights).max()) < 1e-9:
            return found
        weights = found
    return weights
