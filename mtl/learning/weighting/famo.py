"""``weighting=famo``."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from mtl.learning.weighting.bases.losses import TINY, LossWeighting, Places
from mtl.learning.weighting.tools.inner_adam import InnerAdam


class FAMO(LossWeighting):
    """All losses fall by the same share per step, from losses alone (Liu et al., 2023).

    With z = softmax(w) over the tasks that are there: c Σ z log L, where the constant
    c = 1 / Σ z / L makes the weights sum to 1. After the step the losses of the same batches
    are computed again (one more forward pass, as in the authors' code), and w takes a step of an
    Adam of its own along Jᵀ(log before - log after) + decay · w, J being the softmax's. A task
    whose loss is below 1e-8 is reached: it leaves the sum, where it would take all of the weight.

    >>> weighting = FAMO(["a", "b"], rate=0.025, decay=0.001)
    >>> _ = weighting({"a": torch.tensor(1.0), "b": torch.tensor(3.0)})
    >>> [round(float(w), 2) for w in weighting.in_force.values()]  # as 1 / L, with sum 1
    [0.75, 0.25]

    Args:
        tasks: names of all tasks, in order.
        rate: greater than 0, learning rate of w.
        decay: at least 0, pulls weights towards equal ones.
    """

    looks_again: ClassVar[bool] = True
    logits: Tensor

    def __init__(self, tasks: Sequence[str], rate: float, decay: float) -> None:
        super().__init__(tasks)
        self.register_buffer("logits", torch.zeros(len(self.tasks)))
        self.adam = InnerAdam(len(self.tasks), rate, decay)
        self.earlier: tuple[Tensor, Places] | None = None

    def combine(self, values: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        """The scaled sum of logarithms."""
        self.earlier = values.detach(), places
        alive = values.detach() > TINY
        shares = self._shares(places, alive)
        # Chosen before the logarithm, whose slope at 0 would make the gradient NaN.
        slopes = shares / torch.where(alive, values.detach(), 1.0)
        scale = 1 / slopes.sum().clamp(min=TINY)
        logs = torch.where(alive, values, 1.0).log()
        return scale * (shares * logs).sum(), scale * slopes

    def _shares(self, places: Places, alive: Tensor) -> Tensor:
        """(m,) softmax over the tasks that still have a loss; 0 for the others."""
        logits = self.logits[self.index(places, alive.device)]
        return torch.softmax(torch.where(alive, logits, -torch.inf), 0).nan_to_num(0.0)

    @torch.no_grad()
    def after_step(self, losses: dict[str, Tensor]) -> None:
        """Less weight to tasks that gained more than the others."""
        if self.earlier is None:
            return
        (before, places), self.earlier = self.earlier, None
        after, _ = self.together(losses)
        alive = (before > TINY) & (after > TINY)
        shares = self._shares(places, alive)
        gain = torch.where(alive, before.log() - after.log(), 0.0)
        index = self.index(places, after.device)
        self.adam.step(self.logits, index, shares * (gain - (shares * gain).sum()))
