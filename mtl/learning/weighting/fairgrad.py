"""``weighting=fairgrad``."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtl.errors import UserError
from mtl.learning.weighting.bases.gramian import GramianWeighting
from mtl.learning.weighting.bases.task_gradients import TaskGradients
from mtl.learning.weighting.tools.bargaining import fair_weights
from mtl.learning.weighting.tools.preferences import check_preferences, preference_vector


class FairGrad(GramianWeighting):
    """Fair shares of the progress: G·w = w^(-1/alpha) (Ban and Ji, 2024).

    >>> seen = TaskGradients.of([[4.0, 0.0], [0.0, 1.0]])
    >>> weights = FairGrad(["a", "b"], alpha=1.0).weights(seen)
    >>> [round(w, 4) for w in weights.tolist()]  # 16 a = 1 / a, b = 1 / b
    [0.25, 1.0]

    Args:
        tasks: names of all tasks, in order.
        at: see ``GradientWeighting``.
        every: see ``GramianWeighting``.
        alpha: greater than 0; 1 is proportional fairness (``nash_mtl`` without its limit), the
            larger the more the slowest task counts.
        preferences: task to how much it counts; null: all alike.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        at: str | Sequence[str] = "parameters",
        every: int = 1,
        alpha: float = 2.0,
        preferences: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(tasks, at, every)
        if alpha <= 0:
            raise UserError(f"weighting.alpha={alpha:g}: must be greater than 0")
        self.alpha = alpha
        self.preferences = check_preferences(tasks, preferences)

    def weights(self, seen: TaskGradients) -> Tensor:
        """Positive."""
        shares = preference_vector(self.preferences, seen.tasks) * len(seen.tasks)
        found = fair_weights(seen.gramian.numpy(), shares.numpy(), self.alpha)
        return torch.from_numpy(found)
