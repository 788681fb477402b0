"""``weighting=nash_mtl``."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtl.learning.weighting.bases.gramian import GramianWeighting
from mtl.learning.weighting.bases.task_gradients import TaskGradients
from mtl.learning.weighting.tools.bargaining import fair_weights
from mtl.learning.weighting.tools.preferences import check_preferences, preference_vector


class NashMTL(GramianWeighting):
    """The Nash bargaining solution: G·a = 1/a (Navon et al., 2022).

    The authors approach it by a sequence of convex programs that starts from the step before;
    here it is solved to the last digits, without state.

    The combined gradient has the norm √m for m tasks, whatever the losses, so that ``max_norm``
    is its norm where it is less.

    >>> seen = TaskGradients.of([[4.0, 0.0], [0.0, 1.0]])
    >>> weights = NashMTL(["a", "b"], max_norm=0.0).weights(seen)
    >>> [round(w, 4) for w in weights.tolist()]  # 16 a = 1 / a, b = 1 / b
    [0.25, 1.0]

    Args:
        tasks: names of all tasks, in order.
        at: see ``GradientWeighting``.
        every: see ``GramianWeighting``.
        max_norm: largest norm of the combined gradient, where it is compared; 0: no limit.
        preferences: task to its bargaining power; null: all alike.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        at: str | Sequence[str] = "parameters",
        every: int = 1,
        max_norm: float = 1.0,
        preferences: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(tasks, at, every)
        self.max_norm = max_norm
        self.preferences = check_preferences(tasks, preferences)

    def weights(self, seen: TaskGradients) -> Tensor:
        """Positive."""
        shares = preference_vector(self.preferences, seen.tasks) * len(seen.tasks)
        found = torch.from_numpy(fair_weights(seen.gramian.numpy(), shares.numpy(), alpha=1.0))
        norm = float((found @ seen.gramian @ found).clamp(min=0).sqrt())
        return found * self.max_norm / norm if 0 < self.max_norm < norm else found
