"""A training step of the whole framework against a loop written by hand, taking turns."""

import copy
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytorch_lightning as L
import torch
from omegaconf import DictConfig, open_dict
from rich.console import Console
from torch.optim.lr_scheduler import OneCycleLR

from benchmarks.results import Entry, paired, rounded
from benchmarks.surroundings import surroundings
from mtl.config.load import load
from mtl.data.build import build_data
from mtl.data.loading.module import MultiTaskData
from mtl.learning.build import build_callbacks, build_loggers, build_module
from mtl.learning.callbacks import progress
from mtl.learning.callbacks.live import LiveProgress
from mtl.learning.callbacks.throughput import Throughput
from mtl.learning.callbacks.tracking import Tracking
from mtl.learning.quiet import quiet_lightning
from mtl.learning.trainer import build_trainer
from mtl.model.build import build_network
from mtl.model.network import Network

DEMO = ("experiment=demo",)
TINY = (
    "data=shapes",
    "data.train=6400",
    "image_size=32",
    "tasks=[classification]",
    "backbone.width=8",
    "scheduler=onecycle",
)


def step_overhead(rounds: int = 8, demo: Sequence[str] = DEMO, tiny: Sequence[str] = TINY) -> Entry:
    """Epochs of the demo's training, and of a network so small that overhead is all there is.

    Args:
        rounds: epochs of each kind that count; one more warms up.
        demo: overrides of the training that the goal is about.
        tiny: overrides of the other, which is reported beside it.
    """
    ours, theirs = side_by_side(demo, rounds)
    small_ours, small_theirs = side_by_side(tiny, rounds)
    return paired(
        ours,
        theirs,
        goal=1.05,
        better="lower",
        what="training step of the framework over that of a hand-written loop",
        unit="ms per step",
        tiny_network={
            "ratio": rounded(
                statistics.median(a / b for a, b in zip(small_ours, small_theirs, strict=True))
            ),
            "pairs": [
                [rounded(a), rounded(b)] for a, b in zip(small_ours, small_theirs, strict=True)
            ],
        },
        **surroundings(),
    )


def side_by_side(overrides: Sequence[str], rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds per step of the framework and of the loop by hand, epoch by epoch.

    All that the framework does between two epochs counts, checkpoints included; validation doesn't.

    Args:
        overrides: of the training.
        rounds: epochs of each kind that count.
    """
    quiet_lightning()
    with tempfile.TemporaryDirectory() as folder:
        cfg = load([*overrides, f"epochs={rounds + 1}"])
        with open_dict(cfg):
            cfg.trainer.limit_val_batches = 0
        torch.manual_seed(cfg.seed)
        data = build_data(cfg)
        data.prepare_data()
        network = build_network(cfg, data.targets)
        turns = Turns(by_hand(cfg, copy.deepcopy(network), data))
        with_progress_bar(cfg, Path(folder), data, network, [turns, Throughput()])
    # The first epoch of each warms up.
    return turns.framework[1:], turns.hand[1:]


class Turns(L.Callback):
    """Runs an epoch by hand after each of the framework's, and times both.

    Args:
        epoch_by_hand: runs one epoch of that number; the number of its steps comes back.
    """

    def __init__(self, epoch_by_hand: Callable[[int], int]) -> None:
        self.epoch_by_hand = epoch_by_hand
        self.framework: list[float] = []
        self.hand: list[float] = []
        self._start = 0.0

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """The epoch before is over only now, its checkpoints written."""
        if trainer.current_epoch:
            self._turn(trainer)
        self._start = time.perf_counter()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """The last one."""
        self._turn(trainer)

    def _turn(self, trainer: L.Trainer) -> None:
        seconds = time.perf_counter() - self._start
        self.framework.append(1000 * seconds / int(trainer.num_training_batches))
        start = time.perf_counter()
        steps = self.epoch_by_hand(len(self.hand))
        self.hand.append(1000 * (time.perf_counter() - start) / steps)


def with_progress_bar(
    cfg: DictConfig,
    folder: Path,
    data: MultiTaskData,
    network: Network,
    watching: Sequence[L.Callback],
) -> None:
    """Train as ``mtl train`` does, with a terminal's progress bar that nobody sees."""
    callbacks = [*watching, *build_callbacks(cfg), Tracking(cfg, folder, {})]
    loggers = build_loggers(cfg, folder, None)
    unseen: dict[str, Any] = {"file": io.StringIO(), "force_terminal": True}
    console = Console(**unseen)
    with (
        patch("mtl.learning.trainer.watched", lambda: [LiveProgress(console)]),
        patch.object(progress, "console", console),
    ):
        trainer = build_trainer(cfg, folder, callbacks, loggers)
        trainer.fit(build_module(cfg, network), datamodule=data)


def by_hand(cfg: DictConfig, network: Network, data: MultiTaskData) -> Callable[[int], int]:
    """What one would write without a framework, over the same batches."""
    network.to(memory_format=torch.channels_last)
    network.train()
    loader = data.loader("train", training=True)
    heads = {task: network.head(task) for task in network.tasks}
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=cfg.lr, weight_decay=cfg.optimizer.weight_decay, fused=True
    )
    schedule = OneCycleLR(optimizer, cfg.lr, total_steps=cfg.epochs * len(loader) + 1)

    def epoch(number: int) -> int:
        loader.batch_sampler.sampler.set_epoch(number)  # type: ignore[union-attr]
        for loaded in loader:
            batch = data.finish(loaded, training=True)
            outputs = network.labelled_outputs(batch)
            losses = [heads[task].loss(raw, labels) for task, (raw, labels) in outputs.items()]
            optimizer.zero_grad()
            torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), cfg.trainer.gradient_clip_val)
            optimizer.step()
            schedule.step()
        return len(loader)

    return epoch
