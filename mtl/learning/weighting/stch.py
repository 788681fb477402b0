"""``weighting=stch``."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtl.learning.weighting.bases.losses import TINY, LossWeighting, Places
from mtl.learning.weighting.tools.preferences import check_preferences


class STCH(LossWeighting):
    """A smooth form of the largest loss (smooth Tchebycheff, Lin et al., 2024).

    As in the authors' code for networks, losses count by their logarithm, relative to their mean r
    in the last epoch of a warm-up: m · mu · log Σ exp(log(p L / r) / mu) over m tasks. In the
    warm-up, and for a task that had no label in it until it has had an epoch, it is Σ log L, which
    is also what it comes to for a very large mu. Losses below 1e-8 have no gradient.

    >>> weighting = STCH(["a", "b"], mu=1.0, warmup_epochs=0, preferences=None)
    >>> weighting({"a": torch.tensor(1.0), "b": torch.tensor(3.0)})  # 2 · log(1 + 3)
    tensor(2.7726)

    Args:
        tasks: names of all tasks, in order.
        mu: greater than 0; the smaller, the more the worst task alone counts.
        warmup_epochs: at least 0; without a warm-up r is 1.
        preferences: task to p (those not named: 1); null: all alike.

    Raises:
        UserError: a preference is not greater than 0, or of no task.
    """

    reference: Tensor
    factors: Tensor
    sums: Tensor
    counts: Tensor
    epochs: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        mu: float,
        warmup_epochs: int,
        preferences: Mapping[str, float] | None,
    ) -> None:
        super().__init__(tasks)
        self.mu = mu
        self.warmup_epochs = warmup_epochs
        given = check_preferences(self.tasks, preferences) or dict.fromkeys(self.tasks, 1.0)
        factors = torch.tensor([given[task] for task in self.tasks])
        self.register_buffer("factors", factors, persistent=False)
        count = len(self.tasks)
        # 0: not known yet.
        self.register_buffer("reference", torch.full((count,), float(warmup_epochs == 0)))
        self.register_buffer("sums", torch.zeros(count))
        self.register_buffer("counts", torch.zeros(count))
        self.register_buffer("epochs", torch.zeros(()))

    def combine(self, values: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        """The smooth largest logarithm; counts the losses for the epoch's mean."""
        index = self.index(places, values.device)
        self.sums[index] += values.detach().to(self.sums)
        self.counts[index] += 1
        reference = self.reference[index]
        known = reference > 0
        logs = values.clamp(min=TINY).log()
        relative = logs + torch.where(known, self.factors[index] / reference, 1.0).log()
        exponents = torch.where(known, relative / self.mu, -torch.inf)
        count = known.sum()
        # Without any known task the largest of nothing would be -inf, and its gradient NaN.
        worst = torch.logsumexp(torch.where(count > 0, exponents, 0.0), 0)
        total = torch.where(count > 0, count * self.mu * worst, 0.0)
        total = total + torch.where(known, 0.0, logs).sum()
        shares = torch.where(known, count * torch.softmax(exponents.detach(), 0), 1.0)
        return total, torch.where(values > TINY, shares / values, 0.0)

    @torch.no_grad()
    def on_epoch_end(self) -> None:
        """What the warm-up's last epoch had becomes what losses are relative to."""
        self.epochs.add_(1)
        ready = (self.reference == 0) & (self.counts > 0) & (self.epochs >= self.warmup_epochs)
        means = (self.sums / self.counts).clamp(min=TINY)
        self.reference.copy_(torch.where(ready, means, self.reference))
        self.sums.zero_()
        self.counts.zero_()
