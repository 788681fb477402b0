"""``weighting=dwa``."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtl.learning.weighting.bases.losses import TINY, LossWeighting, Places


class DWA(LossWeighting):
    """More weight to tasks whose loss falls slowly (Liu, Johns and Davison, 2019).

    Dynamic weight average: λ = T · softmax(r / temperature) over all T tasks, where r is a task's
    mean loss of the last epoch divided by that of the epoch before, and 1 until there are two. The
    means are over steps; an epoch without a label for a task
    is none for it. Tasks without a label in a batch are left out of Σ λ L.

    >>> weighting = DWA(["a", "b"], temperature=2.0)
    >>> weighting({"a": torch.tensor(2.0), "b": torch.tensor(8.0)})  # weights 1 at first
    tensor(10.)

    Args:
        tasks: names of all tasks, in order.
        temperature: greater than 0; the larger, the more equal the weights.
    """

    sums: Tensor
    counts: Tensor
    last: Tensor
    before: Tensor
    epochs: Tensor

    def __init__(self, tasks: Sequence[str], temperature: float) -> None:
        super().__init__(tasks)
        self.temperature = temperature
        for name in ("sums", "counts", "last", "before", "epochs"):
            self.register_buffer(name, torch.zeros(len(self.tasks)))

    def combine(self, values: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        """The weighted sum; counts the losses for the epoch's mean."""
        index = self.index(places, values.device)
        weights = self.weights()[index]
        self.sums[index] += values.detach().to(self.sums)
        self.counts[index] += 1
        return (weights * values).sum(), weights

    def ahead(self, places: Places) -> Tensor:
        """They depend on earlier epochs alone."""
        return self.weights()[list(places)]

    def weights(self) -> Tensor:
        """(T,) with sum T."""
        rates = torch.where(self.epochs < 2, 1.0, self.last / self.before.clamp(min=TINY))
        return len(self.tasks) * torch.softmax(rates / self.temperature, 0)

    @torch.no_grad()
    def on_epoch_end(self) -> None:
        """The epoch becomes the last one."""
        seen = self.counts > 0
        self.before.copy_(torch.where(seen, self.last, self.before))
        self.last.copy_(torch.where(seen, self.sums / self.counts, self.last))
        self.epochs.add_(seen.to(self.epochs))
        self.sums.zero_()
        self.counts.zero_()
