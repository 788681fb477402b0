"""Freezing by stage, as a function of the epoch alone."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, cast

import pytorch_lightning as L
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from mtl.learning.fitting import in_training, need_unused, tell
from mtl.learning.module import MultiTaskModule
from mtl.learning.optimizer.stages import stage_parameters
from mtl.learning.unfreezing.frozen_heads import FrozenHeads
from mtl.model.network import Network
from mtl.words import agreeing


class StageFreezing(L.Callback, ABC):
    """Each stage of the backbone trains from an epoch of its own, or never.

    At the start of every epoch all of it is set anew from the epoch's number, so that a resumed
    run does what an unbroken one does. A frozen stage is a fixed function: its parameters need no
    gradients and have none (no optimiser touches them or its state of them), and its modules are
    in eval mode, running statistics and dropout included. What lies outside of the backbone's
    stages always trains, but for the heads that are to stay as they are.

    Nothing is frozen before the first epoch starts: DDP, which wraps the network before, would
    never average the gradients of a parameter that was frozen then.

    While stages are still to come, early stopping does not count, and after each of them a plateau
    schedule begins to count anew.

    Args:
        heads: tasks whose heads never train.
    """

    def __init__(self, heads: Sequence[str] = ()) -> None:
        self.heads = FrozenHeads(heads)
        self.stages: tuple[str, ...] = ()
        self.since: dict[str, int] = {}
        self._trainable: list[nn.Parameter] = []

    @abstractmethod
    def plan(self, stages: Sequence[str], epochs: int) -> dict[str, int]:
        """Stage to the number of epochs before it trains; one that is missing stays frozen.

        Args:
            stages: of the backbone, the one nearest to the image first.
            epochs: of the whole training.

        Raises:
            UserError: the options name a stage that there is not.
        """

    def frozen(self, epoch: int) -> set[str]:
        """The stages that don't train in an epoch, counted from 0."""
        return {s for s in self.stages if s not in self.since or self.since[s] > epoch}

    def more_to_come(self, epoch: int, epochs: int) -> bool:
        """Whether after this epoch a stage begins to train."""
        return any(epoch < at < epochs for at in self.since.values())

    def describe(self) -> str:
        """What will happen, in one line."""
        moments: dict[int, list[str]] = {}
        for stage in reversed(self.stages):
            if stage in self.since:
                moments.setdefault(self.since[stage], []).append(stage)
        parts = [f"{', '.join(moments[at])} from epoch {at + 1}" for at in sorted(moments)]
        never = [stage for stage in self.stages if stage not in self.since]
        parts += [f"{', '.join(never)} frozen"] if never else []
        return f"unfreezing: {'; '.join(parts)}"

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Make the plan."""
        if stage != "fit":
            return
        encoder = _network(pl_module).encoder
        self.stages = tuple(stage_parameters(encoder))
        self.since = self.plan(self.stages, cast(int, trainer.max_epochs))
        heads = self.heads.parameters(_network(pl_module))
        self._trainable = [p for p in (*encoder.parameters(), *heads) if p.requires_grad]

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Leave the network as it was found."""
        if stage == "fit":
            for parameter in self._trainable:
                parameter.requires_grad_(True)
            self._trainable = []
            _network(pl_module).idle = frozenset()

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Say what will happen.

        Raises:
            UserError: DDP would wait for gradients that frozen stages don't have.
        """
        need_unused(trainer, "unfreezing")
        tell(trainer, self.describe() + self.heads.described)
        if self.heads.tasks:
            size = cast(MultiTaskModule, pl_module).settings["image_size"]
            self.heads.begin(_network(pl_module), size)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Freeze what is frozen in this epoch, and nothing else."""
        epoch = trainer.current_epoch
        self._freeze(_network(pl_module), self.frozen(epoch))
        new = [s for s in reversed(self.stages) if self.since.get(s) == epoch and epoch > 0]
        if not new:
            return
        for config in trainer.lr_scheduler_configs:
            if isinstance(config.scheduler, ReduceLROnPlateau):
                config.scheduler.num_bad_epochs = 0
        verb = agreeing(len(new), "trains", "train")
        counts = _share(_count(pl_module, trains=True), _count(pl_module))
        tell(trainer, f"epoch {epoch + 1}: {', '.join(new)} {verb} now ({counts} parameters)")

    def _freeze(self, network: Network, frozen: set[str]) -> None:
        encoder = network.encoder
        groups = stage_parameters(encoder)
        fixed = {id(p) for stage in frozen for p in groups[stage]}
        fixed |= {id(p) for p in self.heads.parameters(network)}
        for parameter in self._trainable:
            parameter.requires_grad_(id(parameter) not in fixed)
            if not parameter.requires_grad:
                parameter.grad = None
        encoder.train()
        _fix(encoder, fixed)
        self.heads.settle(network)

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Once an epoch, log how much trains.

        Behind the first step, and not before it, so that a run resumed here logs it once.
        """
        if batch_idx > 0:
            return
        values = {"unfreezing/trainable_parameters": float(_count(pl_module, trains=True))}
        for logger in trainer.loggers:
            logger.log_metrics(values, step=trainer.global_step)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep early stopping from counting while stages are still to come."""
        if not in_training(trainer):
            return
        if self.more_to_come(trainer.current_epoch, cast(int, trainer.max_epochs)):
            for stopping in trainer.early_stopping_callbacks:
                # It comes after this and counts one.
                stopping.wait_count = -1


def _network(module: L.LightningModule) -> Network:
    return cast(Network, module.network)


def _fix(module: nn.Module, fixed: set[int]) -> None:
    """Put every child whose parameters are all fixed into eval mode."""
    for child in module.children():
        own = [id(parameter) for parameter in child.parameters()]
        if own and fixed.issuperset(own):
            child.eval()
        else:
            _fix(child, fixed)


def _count(module: L.LightningModule, trains: bool = False) -> int:
    parameters: Iterable[nn.Parameter] = module.parameters()
    return sum(p.numel() for p in parameters if p.requires_grad or not trains)


def _share(part: int, whole: int) -> str:
    """``2.1 of 11.2 million``."""
    if whole < 1e6:
        return f"{part} of {whole}"
    return f"{part / 1e6:.1f} of {whole / 1e6:.1f} million"
