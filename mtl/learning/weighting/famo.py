"""``weighting=famo``."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from mtl.learning.weighting.inner_adam import InnerAdam
from mtl.learning.weighting.loss_based import TINY, LossWeighting, Places


class FAMO(LossWeighting):
    """All losses fall by the same share per step, from losses alone (Liu et al., 2023).

    With z = softmax(w) over the tasks that are there: c Σ z log(L + 1e-8), where the constant
    c = 1 / Σ z / (L + 1e-8) makes the weights sum to 1. After the step the losses of the same batch
    are computed again (one more forward pass, as in the authors' code), and w takes a step of an
    Adam of its own along Jᵀ(log before - log after) + decay · w, J being the softmax's. Where
    batches are accumulated, that is done once per step, with the last batch.

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
        shares = torch.softmax(self.logits[self.index(places, values.device)], 0)
        slopes = shares / (values.detach() + TINY)
        scale = 1 / slopes.sum()
        return scale * (shares * (values + TINY).log()).sum(), scale * slopes

    @torch.no_grad()
    def after_step(self, losses: dict[str, Tensor]) -> None:
        """Less weight to tasks that gained more than the others."""
        if self.earlier is None:
            return
        (before, places), self.earlier = self.earlier, None
        after, _ = self.together(losses)
        index = self.index(places, after.device)
        gain = (before + TINY).log() - (after + TINY).log()
        shares = torch.softmax(self.logits[index], 0)
        self.adam.step(self.logits, index, shares * (gain - (shares * gain).sum()))
