"""``weighting=rlw``."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mtl.learning.weighting.bases.losses import LossWeighting, Places


class RLW(LossWeighting):
    """Random weights: softmax of normal numbers, new for each step (Lin et al., 2022).

    They sum to 1 over the tasks that are there. They depend on the number of the step and on a
    number that is drawn once from torch's generator, so on the run's seed, and both are kept: a
    resumed run and all processes draw the same.

    >>> weighting = RLW(["a", "b"])
    >>> losses = {"a": torch.tensor(1.0), "b": torch.tensor(1.0)}
    >>> bool(weighting(losses).isclose(torch.tensor(1.0)))  # the weights sum to 1
    True

    Args:
        tasks: names of all tasks, in order.
    """

    seed: Tensor
    draws: Tensor

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__(tasks)
        # Numbers that float32 holds exactly.
        self.register_buffer("seed", torch.randint(2**24, ()).float())
        self.register_buffer("draws", torch.zeros(()))
        self._counted: list[int] = []
        self.register_load_state_dict_post_hook(_recount)  # type: ignore[no-untyped-call]

    def combine(self, values: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        """The weighted sum."""
        weights = self.ahead(places)
        self._counted[1] += 1
        self.draws += 1
        weights = weights.to(values.dtype).to(values.device, non_blocking=True)
        return (weights * values).sum(), weights

    def ahead(self, places: Places) -> Tensor:
        """The next draw."""
        if not self._counted:
            # Once: reading a buffer waits for the GPU.
            self._counted = [int(self.seed), int(self.draws)]
        normal = np.random.default_rng(self._counted).standard_normal(len(self.tasks))
        return torch.softmax(torch.from_numpy(normal[list(places)]), 0)


def _recount(module: RLW, _: Any) -> None:
    module._counted = []
