"""The step of methods on losses: one backward pass of their combination."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from mtl.learning.gradients.accumulation import Part, shared_losses
from mtl.learning.gradients.ranks import world
from mtl.learning.weighting.bases.losses import LossWeighting


class SummedStep:
    """Makes the loss whose plain backward pass, by Lightning and DDP, is the step's.

    Args:
        weighting: the method.
        parameters: of the network.
    """

    def __init__(self, weighting: LossWeighting, parameters: list[nn.Parameter]) -> None:
        self.weighting = weighting
        self.parameters = parameters
        self.total = torch.zeros(())
        """The combined loss of the last step, detached."""

    def loss(self, part: Part, divided_by: int) -> Tensor:
        """This batch's share of the step's combined loss, with gradient.

        Args:
            part: of a step with a label somewhere.
            divided_by: what Lightning divides the loss by: the batches of a full step, of which
                the last of an epoch may have fewer.
        """
        if part.batches > 1:
            return self._share(part) * divided_by
        total: Tensor = self.weighting(shared_losses(part, world()))
        self.total = total.detach()
        total = total if total.requires_grad else total + no_loss(self.parameters)
        return total if divided_by == 1 else total * divided_by

    def _share(self, part: Part) -> Tensor:
        """Of accumulated batches, by weights that are known ahead."""
        places = tuple(self.weighting.tasks.index(task) for task in part.tasks)
        weights = self.weighting.ahead(places)
        assert weights is not None
        # DDP divides by the number of processes.
        terms = [
            part.losses[task].float() * (weight * (part.shares[task] * world()))
            for task, weight in zip(part.tasks, weights, strict=True)
            if task in part.losses
        ]
        loss = torch.stack(terms).sum() if terms else no_loss(self.parameters)
        if not part.last:
            return loss
        combined: Tensor = self.weighting(part.values)
        self.total = combined.detach()
        # Whatever the method learns by itself has its gradient from here, once a step.
        return loss + (combined - self.total)


def no_loss(parameters: Iterable[nn.Parameter]) -> Tensor:
    """0, with a gradient of 0 for the first parameter that trains; DDP finds the others unused."""
    return 0.0 * next(p for p in parameters if p.requires_grad).sum()
