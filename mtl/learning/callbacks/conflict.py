"""How much the tasks' gradients oppose each other, under any weighting."""

from typing import Any, cast

import pytorch_lightning as L
import torch
from torch import Tensor

from mtl.data.batch import Batch
from mtl.drawing.matrix import draw_matrices
from mtl.learning.gradients.combine import Gradients
from mtl.learning.gradients.conflict import (
    EVERYWHERE,
    GradientConflict,
    StepGradients,
    gradient_conflict,
    loss_scale,
    undisturbed,
)
from mtl.learning.gradients.reach import shared_entries
from mtl.learning.logger.pictures import is_due, log_picture
from mtl.learning.module import MultiTaskModule
from mtl.learning.seeding import seed_step
from mtl.learning.weighting.equal import Equal


class Conflict(L.Callback):
    """Logs cosines and norms of the tasks' gradients at the parameters they share.

    In the steps that are looked at: ``conflict/cosine/<a>-<b>`` over all shared parameters and
    ``conflict/<stage>/cosine/<a>-<b>`` over those of a backbone stage, ``conflict/norm/<task>``,
    ``conflict/share`` (of pairs with a negative cosine) and ``weighting/<task>``. Tasks without a
    label are absent. After each epoch the mean cosines are drawn: ``conflict/cosines`` in
    TensorBoard, ``figures/conflict.png``.

    The gradients are those of the whole step: over accumulated batches and all processes. A step
    that is looked at costs one more forward pass and one backward pass per task, beside which the
    training goes on as if nobody looked; nothing where the weighting itself takes each task's
    gradients at all parameters.

    Args:
        every: steps from one look to the next.

    Raises:
        UserError: there is one task, or tasks share nothing; when training begins.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self.seen: GradientConflict | None = None
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, Tensor] = {}

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Find what is shared; watch the weighting's own gradients where it has them."""
        module = cast(MultiTaskModule, pl_module)
        size = module.settings["image_size"]
        self.entries = shared_entries(module.network, size, "callbacks.conflict")
        self.gradients = StepGradients(self.entries)
        self.accumulation = module.new_accumulation()
        step = module.gradient_step
        self.reuses = step is not None and step.takes_all
        if step is not None and self.reuses:

            def observe(found: dict[str, Gradients], scale: float) -> None:
                if self._looks(trainer):
                    self.seen = gradient_conflict(self.entries, found, scale)

            step.observer = observe

    def _looks(self, trainer: L.Trainer) -> bool:
        return trainer.global_step % self.every == 0

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Take the gradients of this batch."""
        if self.reuses or not self._looks(trainer):
            return
        module = cast(MultiTaskModule, pl_module)
        with undisturbed(trainer, module.network, module.device):
            seed_step(batch.seed, module.device)
            self.accumulation.begin(batch)
            part = self.accumulation.part(batch, *module.counted_losses(batch))
            scale = loss_scale(trainer)
            self.gradients.add(part, scale)
        if part.last:
            found = self.gradients.take(part.tasks)
            self.seen = gradient_conflict(self.entries, found, scale)

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Write what was seen in this step."""
        seen, self.seen = self.seen, None
        if seen is None:
            return
        module = cast(MultiTaskModule, pl_module)
        self._count(seen, module.network.tasks)
        values = _scalars(seen)
        weights = module.weighting.gauges()
        if isinstance(module.weighting, Equal):
            weights = {task: torch.ones(()) for task in seen.tasks}
        values |= {f"weighting/{name}": float(weight) for name, weight in weights.items()}
        for logger in trainer.loggers:
            logger.log_metrics(values, step=trainer.global_step)

    def _count(self, seen: GradientConflict, tasks: tuple[str, ...]) -> None:
        index = torch.tensor([tasks.index(task) for task in seen.tasks])
        for place, cosines in seen.cosines.items():
            shape = (len(tasks), len(tasks))
            sums = self.sums.setdefault(place, torch.zeros(shape, dtype=torch.float64))
            counts = self.counts.setdefault(place, torch.zeros(shape, dtype=torch.float64))
            sums[index[:, None], index] += cosines.nan_to_num(0.0)
            counts[index[:, None], index] += ~cosines.isnan()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Draw the epoch's mean cosines."""
        means = {
            place or "all shared parameters": (sums / self.counts[place]).numpy()
            for place, sums in self.sums.items()
            if place == EVERYWHERE or bool(self.counts[place].any())
        }
        self.sums, self.counts = {}, {}
        if not means or not trainer.is_global_zero:
            return
        tasks = cast(MultiTaskModule, pl_module).network.tasks
        canvas = draw_matrices(means, tasks, limit=1.0)
        log_picture(trainer, "conflict.png", "conflict/cosines", canvas, is_due(trainer))


def _scalars(seen: GradientConflict) -> dict[str, float]:
    values: dict[str, float] = {}
    for place in seen.cosines:
        prefix = f"conflict/{place}/cosine" if place else "conflict/cosine"
        values |= {f"{prefix}/{a}-{b}": value for (a, b), value in seen.pairs(place).items()}
    values |= {
        f"conflict/norm/{task}": norm
        for task, norm in zip(seen.tasks, seen.norms.tolist(), strict=True)
    }
    if seen.share is not None:
        values["conflict/share"] = seen.share
    return values
