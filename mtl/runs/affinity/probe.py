"""Measures affinity between tasks beside a training."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import pytorch_lightning as L
import torch
from torch import Tensor

from mtl.data.batch import Batch
from mtl.learning.gradients.combine import Gradients
from mtl.learning.gradients.conflict import (
    loss_scale,
    undisturbed,
)
from mtl.learning.gradients.per_task import task_gradients
from mtl.learning.gradients.reach import shared_entries
from mtl.learning.module import MultiTaskModule
from mtl.learning.seeding import seed_step

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Affinity:
    """What was measured.

    Args:
        tasks: T names.
        means: (T, T), of the row's task on the column's, NaN where both never had a label.
        errors: (T, T), standard errors of the means; NaN with fewer than two looks.
        looks: (T, T), numbers of steps looked at.
    """

    tasks: tuple[str, ...]
    means: Matrix
    errors: Matrix
    looks: Matrix


class AffinityProbe(L.Callback):
    """Looks ahead from every so many batches (Fifty et al., 2021).

    For each task i with a label: the shared parameters take a plain gradient step on its loss
    alone, and 1 - L_j(after) / L_j(before) is taken for every task j, on the same batch with the
    same dropout. Then everything is put back, so that the training goes on as if nobody looked.

    Args:
        every: batches from one look to the next.
        rate: learning rate of the step.
    """

    def __init__(self, every: int, rate: float) -> None:
        self.every = every
        self.rate = rate
        self.values: dict[tuple[str, str], list[float]] = {}

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Find what is shared.

        Raises:
            UserError: there is one task, or tasks share nothing.
        """
        module = cast(MultiTaskModule, pl_module)
        self.entries = shared_entries(module.network, module.settings["image_size"], "affinity")
        self.batches = 0

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Look ahead."""
        self.batches += 1
        if (self.batches - 1) % self.every:
            return
        module = cast(MultiTaskModule, pl_module)
        with undisturbed(trainer, module.network, module.device):
            for source, changes in self._changes(trainer, module, batch).items():
                for target, change in changes.items():
                    self.values.setdefault((source, target), []).append(change)

    def _changes(
        self, trainer: L.Trainer, module: MultiTaskModule, batch: Batch
    ) -> dict[str, dict[str, float]]:
        scale = loss_scale(trainer)
        losses = _losses(module, batch)
        before = {task: float(loss.detach()) for task, loss in losses.items()}
        gradients = task_gradients(self.entries, losses, dict.fromkeys(losses, scale))
        return {
            source: _relative(before, self._ahead(module, batch, gradient, self.rate / scale))
            for source, gradient in gradients.items()
        }

    @torch.no_grad()
    def _ahead(
        self, module: MultiTaskModule, batch: Batch, gradient: Gradients, rate: float
    ) -> dict[str, float]:
        """Losses after a step, which is taken back."""
        kept = {parameter: parameter.clone() for parameter in gradient}
        for parameter, slope in gradient.items():
            parameter.sub_(slope, alpha=rate)
        after = {task: float(loss) for task, loss in _losses(module, batch).items()}
        for parameter, value in kept.items():
            parameter.copy_(value)
        return after

    def result(self, tasks: tuple[str, ...]) -> Affinity:
        """Means over the looks.

        Args:
            tasks: in the order that the matrices are to have.
        """
        shape = (len(tasks), len(tasks))
        means, errors, looks = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape)
        for (source, target), values in self.values.items():
            place = tasks.index(source), tasks.index(target)
            looks[place] = len(values)
            means[place] = np.mean(values)
            if len(values) > 1:
                errors[place] = np.std(values, ddof=1) / len(values) ** 0.5
        return Affinity(tasks, means, errors, looks)


def _losses(module: MultiTaskModule, batch: Batch) -> dict[str, Tensor]:
    seed_step(batch.seed, module.device)
    return module.losses(batch)


def _relative(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """1 - after / before of the losses that can still fall."""
    changes = {task: 1 - after[task] / value for task, value in before.items() if value > 0}
    return {task: change for task, change in changes.items() if np.isfinite(change)}
