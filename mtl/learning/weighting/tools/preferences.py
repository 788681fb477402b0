"""``weighting.preferences``: how much tasks count relative to each other."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtl.errors import UserError


def check_preferences(
    tasks: Sequence[str], preferences: Mapping[str, float] | None
) -> dict[str, float] | None:
    """A preference for every task, 1 where none is given.

    Raises:
        UserError: a name is no task, or a number is not greater than 0.
    """
    if preferences is None:
        return None
    for task, value in preferences.items():
        if task not in tasks:
            raise UserError(f"weighting.preferences: '{task}' is no task; use {', '.join(tasks)}")
        if not value > 0:
            raise UserError(f"weighting.preferences.{task}={value}: must be greater than 0")
    return {task: float(preferences.get(task, 1.0)) for task in tasks}


def preference_vector(preferences: Mapping[str, float] | None, tasks: Sequence[str]) -> Tensor:
    """(m,) float64 with sum 1."""
    given = preferences or dict.fromkeys(tasks, 1.0)
    vector = torch.tensor([given[task] for task in tasks], dtype=torch.float64)
    return vector / vector.sum()
