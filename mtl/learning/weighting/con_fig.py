"""``weighting=con_fig``."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtl.learning.weighting.bases.gramian import GramianWeighting
from mtl.learning.weighting.bases.task_gradients import TaskGradients
from mtl.learning.weighting.tools.preferences import check_preferences, preference_vector


class ConFIG(GramianWeighting):
    """The direction with equal cosines to all gradients (Liu et al., 2025, ConFIG).

    As long as all projections of the gradients onto it together. torchjd's needs the Jacobian;
    this says the same in terms of the Gramian.

    >>> seen = TaskGradients.of([[2.0, 0.0], [0.0, 2.0]])
    >>> [round(w, 6) for w in ConFIG(["a", "b"]).weights(seen).tolist()]
    [1.0, 1.0]

    Args:
        tasks: names of all tasks, in order.
        at: see ``GradientWeighting``.
        every: see ``GramianWeighting``.
        preferences: task to its cosine, relative to the others; null: all alike.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        at: str | Sequence[str] = "parameters",
        every: int = 1,
        preferences: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(tasks, at, every)
        self.preferences = check_preferences(tasks, preferences)

    def weights(self, seen: TaskGradients) -> Tensor:
        """Those of the gradients; they may be negative."""
        norms = seen.gramian.diagonal().sqrt()
        cosines = seen.gramian / norms[:, None] / norms
        wanted = preference_vector(self.preferences, seen.tasks)
        # The least-norm solution of units · direction = wanted lies in the span of the units.
        share = torch.linalg.pinv(cosines, rtol=1e-10, hermitian=True) @ wanted
        norm = (share @ cosines @ share).clamp(min=0).sqrt()
        if norm < 1e-12:
            return torch.zeros_like(share)
        length = (norms * (cosines @ share)).sum() / norm
        weights: Tensor = length * share / (norms * norm)
        return weights
