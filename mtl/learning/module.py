"""The LightningModule: steps, losses, metrics and optimisers."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as L
import torch
from torch import Tensor
from torch.optim import Optimizer

from mtl.config.measures import Mode, mode_of
from mtl.config.mixture import sets_of_tasks
from mtl.data.batch import Batch
from mtl.data.sources.base import Split
from mtl.errors import RunError
from mtl.learning.bad_batch import keep
from mtl.learning.evaluation import Evaluation
from mtl.learning.gradients.accumulation import Accumulation, Part
from mtl.learning.gradients.ranks import world
from mtl.learning.gradients.reducer import hold_back
from mtl.learning.gradients.step import GradientStep
from mtl.learning.gradients.summed import SummedStep, no_loss
from mtl.learning.interval import Interval
from mtl.learning.optimizer.schedule import advance, look, with_schedule
from mtl.learning.seeding import seed_step
from mtl.learning.shared_steps import accumulate_total, refuse_other_steps
from mtl.learning.weighting.bases.base import Weighting
from mtl.learning.weighting.bases.losses import LossWeighting
from mtl.model.backbone.base import Features
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
        sets = sets_of_tasks(self.settings["data"], self.settings["heads"])
        self.val, self.test = Evaluation(network, "val", sets), Evaluation(network, "test", sets)
        self.interval = Interval()
        self.accumulation = self.new_accumulation()
        self.gradient_step: GradientStep | None = None
        if isinstance(weighting, LossWeighting):
            self.summed = SummedStep(weighting, list(network.parameters()))
        else:
            self.gradient_step = self._one_by_one()
        self.pending: tuple[Part, Tensor, Callable[[], None]] | None = None
        self.said: str | None = None
        self.step_done: Callable[[], None] = _nothing
        """Called when all of a step is done, the weighting's second look and the log included."""

    def mode_of(self, metric: str) -> Mode:
        """Whether a metric is to become small or large, as its head declares it.

        Args:
            metric: full name.
        """
        return mode_of(metric, self.settings["heads"])

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
            outputs = self.network.decode(features, batch)
            for task, loss in self.network.losses(outputs).items():
                weight = self.task_weights[task]
                losses[task] = loss if weight == 1 else weight * loss
                counts[task] = len(outputs[task][1].index)
        return losses, counts

    def new_accumulation(self) -> Accumulation:
        """What counts the samples of a step as ``counted_losses`` does."""
        return Accumulation(self.network)

    def setup(self, stage: str) -> None:
        """See ``accumulate_total``.

        Args:
            stage: see Lightning.
        """
        if stage == "fit":
            accumulate_total(self.trainer, self.settings)

    def on_fit_start(self) -> None:
        """Decide how gradients are found.

        Raises:
            UserError: see ``GradientStep.check_accumulation``.
        """
        method, batches = self.weighting, self.trainer.accumulate_grad_batches
        if isinstance(method, LossWeighting):
            everything = tuple(range(len(self.network.tasks)))
            one_by_one = batches > 1 and method.ahead(everything) is None
            self.gradient_step = self._one_by_one() if one_by_one else None
        elif self.gradient_step is not None:
            self.gradient_step.check_accumulation(batches)

    def _one_by_one(self) -> GradientStep:
        size, seed = self.settings["image_size"], self.settings["seed"]
        return GradientStep(self.network, self.weighting, size, seed)

    def on_train_start(self) -> None:
        """Begin the epoch that a run goes on within, which Lightning takes for begun."""
        self.interval.to(self.device)
        if self.trainer.fit_loop.restarted_mid_epoch:
            for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
                callback.on_train_epoch_start(self.trainer, self)
            self.on_train_epoch_start()

    def on_train_epoch_start(self) -> None:
        """Say where frozen stages leave nothing to weigh, once for each time.

        What the last validation found is forgotten: where this epoch has none of its own, nobody
        is to take it for one.
        """
        self._forget_validation()
        idle = None if self.gradient_step is None else self.gradient_step.idle()
        if idle is not None and idle != self.said and self.trainer.is_global_zero:
            say(f"weighting: {idle}")
        self.said = idle

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        """One batch of a step; None (no step) where nothing in the whole step has a label.

        With several processes or batches it is a loss of 0 where this one has none, since the
        others need the step.

        Dropout and other random choices are seeded by the batch, so that a resumed run makes the
        same ones as an unbroken one.

        Raises:
            RunError: a loss is not finite.
        """
        seed_step(batch.seed, self.device)
        self.network.encoder.begin_step(self.current_epoch / cast(int, self.trainer.max_epochs))
        self.accumulation.begin(batch)
        encode = self.network.encode if self.gradient_step is None else self.gradient_step.encode
        part = self.accumulation.part(batch, *self.counted_losses(batch, encode))
        if not part.tasks:
            # DDP takes no None, and the other processes wait.
            return None if world() == 1 else no_loss(self.network.parameters())
        if self.gradient_step is None:
            loss = self.summed.loss(part, self.trainer.accumulate_grad_batches)
        else:
            # Lightning gets a loss that leads nowhere; ``backward`` knows where to go.
            loss = torch.zeros((), device=self.device).requires_grad_()
            self.pending = part, loss, hold_back(self.trainer.strategy.model)
        if part.last:
            members = batch.window or (batch,)
            ids = [name for member in members for name in member.ids]
            keys = [list(member.keys) for member in members]
            self.interval.add(part.values, self._total(part), ids, keys, self.global_step + 1)
            if self.device.type == "cpu":
                self.check_finite()
        return loss

    def _total(self, part: Part) -> Tensor:
        """The step's combined loss, for the log; the plain sum where gradients are combined."""
        if self.gradient_step is None:
            return self.summed.total
        return torch.stack([value.float() for value in part.values.values()]).sum()

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
        (part, stand_in, let_go), self.pending = self.pending, None
        let_go()
        (factor,) = torch.autograd.grad(loss, stand_in)
        scale = factor * self.trainer.accumulate_grad_batches
        self.gradient_step.backward(part, scale, self.global_step)
        if part.last:
            self._leave_a_gradient()

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Nothing where no label has left a gradient: torch can't cut the entries of none.

        Args:
            optimizer: see Lightning.
            gradient_clip_val: likewise.
            gradient_clip_algorithm: likewise.
        """
        if any(p.grad is not None for group in optimizer.param_groups for p in group["params"]):
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def _leave_a_gradient(self) -> None:
        """A scaler of mixed precision refuses to step over nothing at all."""
        parameters = [p for p in self.network.parameters() if p.requires_grad]
        if all(p.grad is None for p in parameters):
            parameters[0].grad = torch.zeros_like(parameters[0])

    def check_finite(self) -> None:
        """Look at the losses since the last flush.

        Raises:
            RunError: one is not finite; names the task, the samples, the last good checkpoint, and
                how to go through that step again.
        """
        bad = self.interval.not_finite()
        if bad is None:
            return
        last = getattr(self.trainer.checkpoint_callback, "last_model_path", "") or "none yet"
        folder = None
        # A full disk must not hide what happened.
        with suppress(OSError):
            folder = keep(bad, self)
        run = None if folder is None else str(folder.parent)
        raise RunError(bad.message(self.current_epoch + 1, last, run))

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Show the weighting what its step did, if it asks, and write what was gathered."""
        last = batch.place == max(1, len(batch.window)) - 1
        if last and isinstance(self.weighting, LossWeighting) and self.weighting.looks_again:
            self._look_again(batch.window or (batch,))
        if (batch_idx + 1) % self.trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            self.flush()
        if last:
            self.step_done()

    @torch.no_grad()
    def _look_again(self, batches: Sequence[Batch]) -> None:
        """Losses of the same batches after the step, with the same dropout; statistics stay."""
        kept = [(buffer, buffer.clone()) for buffer in self.network.buffers()]
        again = self.new_accumulation()
        for place, batch in enumerate(batches):
            seed_step(batch.seed, self.device)
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
        look(self.lr_schedulers(), self.trainer.callback_metrics, self.monitor)

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

    def forward(self, image: Tensor) -> dict[str, Any]:
        """Raw output of every task, the input of its loss; ``predict_step`` gives decisions.

        Args:
            image: (B, 3, H, W) float, normalised.
        """
        return cast(dict[str, Any], self.network(image))

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> dict[str, Any]:
        """Decisions of every task for all samples of a batch, labelled or not, by ``batch.ids``.

        Args:
            batch: with a normalised float image.
            batch_idx: see Lightning.
            dataloader_idx: likewise.
        """
        return self.network.predict(batch.image) if len(batch) else {}

    @classmethod
    def load_from_checkpoint(  # type: ignore[override]
        cls, checkpoint_path: str | Path, map_location: torch.device | str = "cpu"
    ) -> "MultiTaskModule":
        """A trained module; see ``restored``.

        Args:
            checkpoint_path: of a run.
            map_location: where the module is moved.
        """
        from mtl.learning.restored import restored  # which builds modules

        return restored(Path(checkpoint_path)).to(map_location)

    def evaluation(self, split: Split) -> Evaluation:
        """What counts a split's batches.

        Args:
            split: ``val`` or ``test``.
        """
        return self.test if split == "test" else self.val

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Count."""
        self.val.count(self.network, batch, self.task_weights)

    def on_validation_epoch_end(self) -> None:
        """Log the validation metrics, in place of those of the validation before."""
        self._forget_validation()
        self.log_dict(self.val.results(self.device, self._add_up))

    def _forget_validation(self) -> None:
        """Lightning keeps metrics that this validation may not have, of a class not met, say."""
        known = self.trainer.callback_metrics
        for name in [name for name in known if name.startswith("val/")]:
            del known[name]

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Count."""
        self.test.count(self.network, batch, self.task_weights)

    def on_test_epoch_end(self) -> None:
        """Log the test metrics."""
        self.log_dict(self.test_results())

    def test_results(self) -> dict[str, Tensor]:
        """What ``test_step`` has counted, by full name; then start afresh."""
        return self.test.results(self.device, self._add_up)

    def _add_up(self, value: Tensor) -> Tensor:
        """Over all processes."""
        return cast(Tensor, self.trainer.strategy.reduce(value, reduce_op="sum"))

    def configure_optimizers(self) -> Any:
        """The optimiser over named groups, and its schedule per step."""
        optimizer = self.make_optimizer(self.network, self.weighting)
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler = self.make_scheduler(
            optimizer=optimizer, steps=steps, mode=self.mode_of(self.monitor)
        )
        return with_schedule(optimizer, scheduler, self.monitor)

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """See ``advance``."""
        advance(scheduler)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the configuration and the metrics of this moment, as plain containers."""
        loop: Any = self.trainer.fit_loop
        epochs, batches = loop.epoch_progress.current, loop.epoch_loop.batch_progress.current
        within = epochs.processed < epochs.started
        checkpoint["mtl"] = {
            "settings": self.settings,
            "targets": {
                self.network.target_names[task]: self.network.head(task).target.plain
                for task in self.network.tasks
            },
            "epoch": self.current_epoch,
            "metrics": {k: float(v) for k, v in self.trainer.callback_metrics.items()},
            "labelled": dict(self.val.samples),
            "batches": batches.processed if within else 0,
            "processes": self.trainer.world_size,
            "interval": self.interval.state_dict(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Within an epoch, know what was gathered in it.

        Raises:
            UserError: another number of processes would go on with other steps.
        """
        about = checkpoint.get("mtl", {})
        refuse_other_steps(self.trainer, self.settings, about)
        if about.get("batches"):
            self.interval.load_state_dict(about["interval"])


def _nothing() -> None:
    """No one asks."""
