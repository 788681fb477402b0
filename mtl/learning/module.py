"""The LightningModule: steps, losses, metrics and optimisers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import pytorch_lightning as L
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from mtl.config.monitor import mode_of
from mtl.data.batch import Batch
from mtl.data.sources.base import Split
from mtl.errors import RunError
from mtl.learning.gradients.accumulation import Accumulation, Part, shared_losses
from mtl.learning.gradients.ranks import world
from mtl.learning.gradients.step import GradientStep
from mtl.learning.interval import Interval
from mtl.learning.weighting.base import Weighting
from mtl.learning.weighting.gramian import GradientWeighting
from mtl.learning.weighting.losses import LossWeighting
from mtl.model.backbone.base import Features
from mtl.model.head.base import HeadMetrics
from mtl.model.network import Network
from mtl.terminal import say

MakeOptimizer = Callable[[Network, Weighting], Optimizer]
MakeScheduler = Callable[..., Any]
Encode = Callable[[Tensor], dict[str, Features]]


class MultiTaskModule(L.LightningModule):
    """Trains a network on several tasks with partial labels.

    A task that has no label in a batch is left out of the step: it has no loss, and its head sees
    no sample. What is logged is gathered as tensors and written every ``log_every_n_steps`` steps,
    since logging each number on each step costs more than a small network's step.

    Args:
        network: the network.
        weighting: makes one loss of the task losses.
        task_weights: task to the factor on its loss.
        make_optimizer: builds the optimiser over named parameter groups.
        make_scheduler: called with ``optimizer``, ``steps`` and ``mode``.
        monitor: name of the metric that plateaus, checkpoints and early stopping follow.
        settings: the run's configuration as plain containers; saved in checkpoints.
        channels_last: whether the network's kernels lie in channels-last order.
    """

    def __init__(
        self,
        network: Network,
        weighting: Weighting,
        task_weights: Mapping[str, float],
        make_optimizer: MakeOptimizer,
        make_scheduler: MakeScheduler,
        monitor: str,
        settings: Mapping[str, Any],
        channels_last: bool = True,
    ) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last) if channels_last else network
        self.weighting = weighting
        self.task_weights = dict(task_weights)
        self.make_optimizer = make_optimizer
        self.make_scheduler = make_scheduler
        self.monitor = monitor
        self.settings = dict(settings)
        self.val_metrics = self._fresh_metrics()
        self.test_metrics = self._fresh_metrics()
        self.interval = Interval()
        self.evaluation_losses: dict[str, list[tuple[Tensor, int]]] = {}
        self.accumulation = Accumulation(self.network)
        self.gradient_step: GradientStep | None = None
        if isinstance(weighting, GradientWeighting):
            size, seed = self.settings["image_size"], self.settings["seed"]
            self.gradient_step = GradientStep(self.network, weighting, size, seed)
        self.pending: tuple[Part, Tensor] | None = None
        self.total = torch.zeros(())
        self.said: str | None = None

    def _fresh_metrics(self) -> nn.ModuleDict:
        return nn.ModuleDict(
            {task: self.network.head(task).make_metrics() for task in self.network.tasks}
        )

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Loss of each task that has a label in the batch, times the task's weight.

        Args:
            batch: with a normalised float image.
        """
        return self.counted_losses(batch)[0]

    def counted_losses(
        self, batch: Batch, encode: Encode | None = None
    ) -> tuple[dict[str, Tensor], dict[str, int]]:
        """Losses as ``losses`` gives them, and how many labelled samples each is the mean of.

        Args:
            batch: with a normalised float image.
            encode: takes the place of the network's own.
        """
        losses: dict[str, Tensor] = {}
        counts: dict[str, int] = {}
        if len(batch):
            images = batch.image
            features = self.network.encode(images) if encode is None else encode(images)
            for task, (raw, labels) in self.network.decode(features, batch).items():
                losses[task] = self.task_weights[task] * self.network.loss(task, raw, labels)
                counts[task] = len(labels.index)
        return losses, counts

    def on_fit_start(self) -> None:
        """Refuse what doesn't go together.

        Raises:
            UserError: see ``GradientStep.check_accumulation``.
        """
        self.gradient_step = self._gradient_step(self.trainer.accumulate_grad_batches)

    def _gradient_step(self, batches: int) -> GradientStep | None:
        """How the tasks' gradients are found, where a step needs them one by one.

        Methods on losses do where batches are accumulated and the weights depend on all of them.
        """
        method = self.weighting
        if batches > 1 and isinstance(method, LossWeighting):
            if method.ahead(tuple(range(len(self.network.tasks)))) is not None:
                return None
            size, seed = self.settings["image_size"], self.settings["seed"]
            return GradientStep(self.network, method, size, seed)
        if self.gradient_step is not None:
            self.gradient_step.check_accumulation(batches)
        return self.gradient_step

    def on_train_epoch_start(self) -> None:
        """Say where frozen stages leave nothing to weigh, once for each time."""
        idle = None if self.gradient_step is None else self.gradient_step.idle()
        if idle is not None and idle != self.said and self.trainer.is_global_zero:
            say(f"weighting: {idle}")
        self.said = idle

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        """One batch of a step; None (no step) where nothing in the whole step has a label.

        With several processes or batches it is a loss of 0 where this one has none, since the
        others need the step.

        Dropout is seeded by the batch, so that a resumed run drops the same units as an unbroken
        one.

        Raises:
            RunError: a loss is not finite.
        """
        torch.manual_seed(batch.seed)
        self.accumulation.begin(batch)
        encode = self.network.encode if self.gradient_step is None else self.gradient_step.encode
        part = self.accumulation.part(batch, *self.counted_losses(batch, encode))
        if not part.tasks:
            return None
        loss = self._loss(part) if self.gradient_step is None else self._stand_in(part)
        if part.last:
            ids = [name for member in batch.window or (batch,) for name in member.ids]
            self.interval.add(part.values, self.total, ids)
            if self.device.type == "cpu":
                self.check_finite()
        return loss

    def _loss(self, part: Part) -> Tensor:
        """What a plain backward pass takes: this batch's share of the step's combined loss."""
        method = cast(LossWeighting, self.weighting)
        ranks, batches = world(), part.batches
        if batches == 1:
            total = cast(Tensor, method(shared_losses(part, ranks)))
            self.total = total.detach()
            return total if total.requires_grad else total + self._no_loss()
        places = tuple(self.network.tasks.index(task) for task in part.tasks)
        weights = method.ahead(places)
        assert weights is not None
        # Lightning divides by the number of batches, and DDP by that of processes.
        terms = [
            part.losses[task].float() * (weight * (part.shares[task] * ranks * batches))
            for task, weight in zip(part.tasks, weights, strict=True)
            if task in part.losses
        ]
        loss = torch.stack(terms).sum() if terms else self._no_loss()
        if part.last:
            combined = method(part.values)
            self.total = combined.detach()
            # Whatever the method learns by itself has its gradient from here, once a step.
            loss = loss + (combined - self.total) * batches
        return loss

    def _stand_in(self, part: Part) -> Tensor:
        """Put the losses by for ``backward``, and give Lightning a loss that leads nowhere."""
        if part.last:
            self.total = torch.stack([value.float() for value in part.values.values()]).sum()
        stand_in = torch.zeros((), device=self.device).requires_grad_()
        self.pending = part, stand_in
        wrapper = self.trainer.strategy.model
        if isinstance(wrapper, DistributedDataParallel):
            # Its reducer would wait for gradients that never come by.
            self.synchronises = wrapper.require_backward_grad_sync
            wrapper.require_backward_grad_sync = False
        return stand_in

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """The plain backward pass, or that of a weighting that combines gradients.

        Args:
            loss: what ``training_step`` returned, scaled for mixed precision and accumulation.
            args: see Lightning.
            kwargs: likewise.
        """
        if self.pending is None or self.gradient_step is None:
            super().backward(loss, *args, **kwargs)
            return
        (part, stand_in), self.pending = self.pending, None
        wrapper = self.trainer.strategy.model
        if isinstance(wrapper, DistributedDataParallel):
            wrapper.require_backward_grad_sync = self.synchronises
            # The next forward pass starts from the first process's buffers again.
            wrapper.require_forward_param_sync = True
        (factor,) = torch.autograd.grad(loss, stand_in)
        scale = factor * self.trainer.accumulate_grad_batches
        self.gradient_step.backward(part, scale, self.global_step)
        if part.last:
            self._leave_a_gradient()

    def _leave_a_gradient(self) -> None:
        """A scaler of mixed precision refuses to step over nothing at all."""
        parameters = [p for p in self.network.parameters() if p.requires_grad]
        if all(p.grad is None for p in parameters):
            parameters[0].grad = torch.zeros_like(parameters[0])

    def _no_loss(self) -> Tensor:
        """0, with a gradient of 0 for one parameter; DDP finds the others unused."""
        return 0.0 * next(p for p in self.network.parameters() if p.requires_grad).sum()

    def check_finite(self) -> None:
        """Look at the losses since the last flush.

        Raises:
            RunError: one is not finite; names the task, the samples and the last good checkpoint.
        """
        bad = self.interval.not_finite()
        if bad is None:
            return
        task, ids = bad
        callback = self.trainer.checkpoint_callback
        last = getattr(callback, "last_model_path", "") or "none yet"
        shown = ", ".join(ids[:8]) + (f" and {len(ids) - 8} more" if len(ids) > 8 else "")
        raise RunError(
            f"the loss of task {task} is not finite in epoch {self.current_epoch + 1}, step "
            f"{self.global_step + 1}; samples: {shown}; last good checkpoint: {last} "
            "(a smaller lr or trainer.gradient_clip_val may help)"
        )

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Show the weighting what its step did, if it asks, and write what was gathered."""
        last = batch.place == max(1, len(batch.window)) - 1
        if last and isinstance(self.weighting, LossWeighting) and self.weighting.looks_again:
            self._look_again(batch.window or (batch,))
        if (batch_idx + 1) % self.trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            self.flush()

    @torch.no_grad()
    def _look_again(self, batches: Sequence[Batch]) -> None:
        """Losses of the same batches after the step, with the same dropout; statistics stay."""
        kept = [(buffer, buffer.clone()) for buffer in self.network.buffers()]
        again = Accumulation(self.network)
        for place, batch in enumerate(batches):
            torch.manual_seed(batch.seed)
            member = replace(batch, window=batches if len(batches) > 1 else (), place=place)
            again.begin(member)
            with self.trainer.precision_plugin.train_step_context():
                part = again.part(member, *self.counted_losses(member))
        for buffer, value in kept:
            buffer.copy_(value)
        if part.values:
            cast(LossWeighting, self.weighting).after_step(part.values)

    def on_train_epoch_end(self) -> None:
        """Write the rest, end the weighting's epoch, and let a plateau schedule look at the epoch.

        Stepping the schedule here, before checkpoints are written, makes it part of them.
        """
        self.flush()
        self.weighting.on_epoch_end()
        scheduler = self.lr_schedulers()
        if (
            isinstance(scheduler, ReduceLROnPlateau)
            and self.monitor in self.trainer.callback_metrics
        ):
            scheduler.step(self.trainer.callback_metrics[self.monitor])

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Step everything but plateaus, which wait for the epoch's metrics."""
        if not isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step()

    def flush(self) -> None:
        """Log the means since the last flush."""
        self.check_finite()
        values = self.interval.flush()
        values |= {name: float(value) for name, value in self.network.gauges().items()}
        gauges = self.weighting.gauges()
        values |= {f"weighting/{name}": float(value) for name, value in gauges.items()}
        optimizer = self.optimizers()
        for group in optimizer.param_groups:  # type: ignore[union-attr]
            if not group["name"].endswith(".vectors"):
                frozen = not any(p.requires_grad for p in group["params"])
                values[f"lr/{group['name']}"] = 0.0 if frozen else group["lr"]
        for logger in self.loggers:
            logger.log_metrics(values, step=self.global_step)

    def evaluate_batch(self, batch: Batch, metrics: nn.ModuleDict) -> None:
        """Count a batch's losses and decisions."""
        if len(batch) == 0:
            return
        outputs = self.network.labelled_outputs(batch)
        for task, (raw, labels) in outputs.items():
            loss = self.task_weights[task] * self.network.loss(task, raw, labels)
            self.evaluation_losses.setdefault(task, []).append((loss, len(labels.index)))
        for task, decision in self.network.decisions(batch, outputs).items():
            cast(HeadMetrics, metrics[task]).update(decision, outputs[task][1])

    def evaluation_results(self, split: Split, metrics: nn.ModuleDict) -> dict[str, Tensor]:
        """Metrics and mean losses of a split, by full name; forgets what was counted.

        ``<split>/score`` is the mean over tasks of each task's main metric.
        """
        values: dict[str, Tensor] = {}
        main: list[Tensor] = []
        losses: list[Tensor] = []
        for task in self.network.tasks:
            counted = cast(HeadMetrics, metrics[task])
            found = counted.compute()
            counted.reset()
            values.update({f"{split}/{task}/{name}": value for name, value in found.items()})
            if self.network.head(task).metrics[0] in found:
                main.append(found[self.network.head(task).metrics[0]].float())
            pairs = self._gathered_losses(task)
            if pairs[1] > 0:
                losses.append(pairs[0] / pairs[1])
                values[f"{split}/{task}/loss"] = losses[-1]
        self.evaluation_losses.clear()
        if losses:
            values[f"{split}/loss"] = torch.stack(losses).sum()
        if main:
            values[f"{split}/score"] = torch.stack(main).mean()
        return values

    def _gathered_losses(self, task: str) -> tuple[Tensor, Tensor]:
        """Sum of sample losses and number of samples, over all ranks."""
        pairs = self.evaluation_losses.get(task, [])
        total = torch.zeros(2, dtype=torch.float64, device=self.device)
        for loss, count in pairs:
            total += torch.stack(
                (loss.double() * count, torch.tensor(float(count)).to(loss.device))
            )
        total = cast(Tensor, self.trainer.strategy.reduce(total, reduce_op="sum"))
        return total[0].float(), total[1].float()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Count."""
        self.evaluate_batch(batch, self.val_metrics)

    def on_validation_epoch_end(self) -> None:
        """Log the validation metrics."""
        self.log_dict(self.evaluation_results("val", self.val_metrics))

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Count."""
        self.evaluate_batch(batch, self.test_metrics)

    def on_test_epoch_end(self) -> None:
        """Log the test metrics."""
        self.log_dict(self.evaluation_results("test", self.test_metrics))

    def configure_optimizers(self) -> Any:
        """The optimiser over named groups, and its schedule per step."""
        optimizer = self.make_optimizer(self.network, self.weighting)
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler = self.make_scheduler(
            optimizer=optimizer, steps=steps, mode=mode_of(self.monitor)
        )
        plateau = isinstance(scheduler, ReduceLROnPlateau)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {
                "scheduler": scheduler,
                "interval": "epoch" if plateau else "step",
                "monitor": self.monitor,
                "strict": False,
            },
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the configuration and the metrics of this moment, as plain containers."""
        checkpoint["mtl"] = {
            "settings": self.settings,
            "targets": {
                self.network.target_names[task]: {
                    "kind": self.network.head(task).target.kind,
                    "classes": list(self.network.head(task).target.classes),
                }
                for task in self.network.tasks
            },
            "epoch": self.current_epoch,
            "metrics": {k: float(v) for k, v in self.trainer.callback_metrics.items()},
        }
