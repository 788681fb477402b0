"""Gradients of the batches that are accumulated for one step."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtl.learning.weighting.ranks import TaskLosses

Found = dict[nn.Parameter, Tensor]
"""A task's gradient by parameter."""


class Window:
    """Sums over batches, in which each labelled sample counts alike.

    Args:
        tasks: names of all tasks, in order.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        self.tasks = tuple(tasks)
        self.used = False
        self._clear()

    def _clear(self) -> None:
        self._gradients: dict[str, Found] = {}
        self._products: Tensor | None = None
        self._sums: dict[str, Tensor] = {}
        self._totals: dict[str, float] = {}

    @torch.no_grad()
    def add(self, gradients: dict[str, Found], products: Tensor | None, losses: TaskLosses) -> None:
        """Count one batch.

        Args:
            gradients: task to gradient, times the task's number of labels here.
            products: (T, T) inner products at the features, scaled likewise; or None.
            losses: of the batch.
        """
        self.used = True
        for task, found in gradients.items():
            sums = self._gradients.setdefault(task, {})
            for parameter, gradient in found.items():
                if parameter in sums:
                    sums[parameter].add_(gradient)
                else:
                    sums[parameter] = gradient
        if products is not None:
            self._products = products if self._products is None else self._products + products
        for task, number in losses.totals.items():
            value = losses.values[task] * number
            self._sums[task] = self._sums[task] + value if task in self._sums else value
            self._totals[task] = self._totals.get(task, 0.0) + number

    @torch.no_grad()
    def take(self) -> tuple[dict[str, Found], Tensor | None, dict[str, Tensor]]:
        """Means over the samples: gradients, inner products, losses; then start afresh.

        Gradients and products are this process's shares; losses are those of all processes.
        """
        for task, found in self._gradients.items():
            if found:
                torch._foreach_div_(list(found.values()), self._totals[task])
        products = self._products
        if products is not None:
            numbers = torch.tensor(
                [self._totals.get(task, 1.0) for task in self.tasks], device=products.device
            )
            products = products / numbers[:, None] / numbers
        values = {task: total / self._totals[task] for task, total in self._sums.items()}
        taken = self._gradients, products, values
        self._clear()
        return taken
