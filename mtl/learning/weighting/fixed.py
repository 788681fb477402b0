"""``weighting=fixed``."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtl.errors import UserError
from mtl.learning.weighting.bases.losses import LossWeighting, Places


class Fixed(LossWeighting):
    """Σ w L with given weights.

    >>> Fixed(["a", "b"], {"b": 3.0})({"a": torch.tensor(2.0), "b": torch.tensor(1.0)})
    tensor(5.)

    Args:
        tasks: names of all tasks, in order.
        weights: task to w, at least 0; those not named have 1; null: all have.

    Raises:
        UserError: a name is no task, a weight is negative, or all are 0.
    """

    factors: Tensor

    def __init__(self, tasks: Sequence[str], weights: Mapping[str, float] | None) -> None:
        super().__init__(tasks)
        if weights is not None and not isinstance(weights, Mapping):
            raise UserError("weighting.weights: must be null or {task: weight}")
        given = weights or {}
        for task, weight in given.items():
            if task not in self.tasks:
                raise UserError(
                    f"weighting.weights: '{task}' is no task; use {', '.join(self.tasks)}"
                )
            number = isinstance(weight, int | float) and not isinstance(weight, bool)
            if not number or not 0 <= weight < float("inf"):
                raise UserError(f"weighting.weights.{task}={weight}: must be a number at least 0")
        factors = torch.tensor([float(given.get(task, 1)) for task in self.tasks])
        if not bool(factors.any()):
            raise UserError("weighting.weights: all are 0; leave one greater than 0")
        self.register_buffer("factors", factors, persistent=False)

    def combine(self, values: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        """The weighted sum."""
        weights = self.factors[self.index(places, values.device)]
        return (weights * values).sum(), weights

    def ahead(self, places: Places) -> Tensor:
        """The given ones."""
        return self.factors[list(places)]
