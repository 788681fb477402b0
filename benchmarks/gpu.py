"""What a GPU gets through, against a loop tuned by hand."""

import copy
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytorch_lightning as L
import torch
from omegaconf import DictConfig
from torch.optim.lr_scheduler import OneCycleLR

from benchmarks.results import Entry, paired
from benchmarks.surroundings import surroundings
from mtl.config.load import load
from mtl.data.build import build_data
from mtl.data.loading.module import MultiTaskData
from mtl.learning.build import build_callbacks, build_module
from mtl.learning.quiet import quiet_lightning
from mtl.learning.trainer import build_trainer
from mtl.model.build import build_network
from mtl.model.network import Network
from mtl.terminal import say

RECIPE = (
    "data=shapes",
    "data.train=6400",
    "data.val=64",
    "image_size=128",
    "batch_size=128",
    "backbone=resnet18",
    "tasks=[classification,box,detection,segmentation]",
    "trainer=gpu",
    "trainer.precision=bf16-mixed",
    "trainer.compile=true",
    "trainer.limit_val_batches=0",
    "callbacks.progress.enabled=false",
)


def gpu_throughput(rounds: int = 6, recipe: Sequence[str] = RECIPE) -> dict[str, Entry]:
    """Images per second in bfloat16, channels last, with the encoder compiled.

    Args:
        rounds: epochs of each kind that count; one more warms up and compiles.
        recipe: overrides of the training.

    Returns:
        Nothing where there is no GPU, which is said.
    """
    if not torch.cuda.is_available():
        say("gpu_throughput: left out, torch finds no GPU here")
        return {}
    ours, theirs = images_per_second(recipe, rounds)
    return {
        "gpu_throughput": paired(
            ours,
            theirs,
            goal=0.95,
            better="higher",
            what="images/s of the framework over those of a hand-tuned loop on a GPU",
            unit="images/s",
            gpu=torch.cuda.get_device_name(),
            **surroundings(),
        )
    }


def images_per_second(recipe: Sequence[str], rounds: int) -> tuple[list[float], list[float]]:
    """Of the framework and of the loop by hand, epoch by epoch in turns.

    Args:
        recipe: overrides of the training.
        rounds: epochs of each kind that count.
    """
    quiet_lightning()
    cfg = load([*recipe, f"epochs={rounds + 1}"])
    torch.manual_seed(cfg.seed)
    data = build_data(cfg)
    data.prepare_data()
    network = build_network(cfg, data.targets)
    with tempfile.TemporaryDirectory() as folder:
        trainer = build_trainer(cfg, Path(folder), [], [])
        device = trainer.strategy.root_device
        turns = EpochTurns(by_hand(cfg, copy.deepcopy(network), data, device))
        callbacks = [turns, *build_callbacks(cfg)]
        trainer = build_trainer(cfg, Path(folder), callbacks, [])
        trainer.fit(build_module(cfg, network), datamodule=data)
    return turns.framework[1:], turns.hand[1:]


class EpochTurns(L.Callback):
    """Runs an epoch by hand after each of the framework's.

    Args:
        epoch_by_hand: runs one epoch of that number; the number of its images comes back.
    """

    def __init__(self, epoch_by_hand: Callable[[int], int]) -> None:
        self.epoch_by_hand = epoch_by_hand
        self.framework: list[float] = []
        self.hand: list[float] = []
        self._start = 0.0

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock with an idle GPU."""
        wait(pl_module.device)
        self._start = time.perf_counter()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """The framework's epoch, then the other's."""
        wait(pl_module.device)
        seconds = time.perf_counter() - self._start
        start = time.perf_counter()
        images = self.epoch_by_hand(len(self.hand))
        wait(pl_module.device)
        self.hand.append(images / (time.perf_counter() - start))
        self.framework.append(images / seconds)


def wait(device: torch.device) -> None:
    """Until a GPU has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def by_hand(
    cfg: DictConfig, network: Network, data: MultiTaskData, device: torch.device
) -> Callable[[int], int]:
    """What one would write without a framework, over the same batches."""
    network.to(device, memory_format=torch.channels_last)
    network.train()
    options: Mapping[str, str] = {} if cfg.trainer.compile is True else {"backend": "eager"}
    network.encoder.compile(**options)
    loader = data.loader("train", training=True)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=cfg.lr, weight_decay=cfg.optimizer.weight_decay, foreach=True
    )
    schedule = OneCycleLR(optimizer, cfg.lr, total_steps=cfg.epochs * len(loader) + 1)

    def epoch(number: int) -> int:
        loader.batch_sampler.sampler.set_epoch(number)  # type: ignore[union-attr]
        images = 0
        for loaded in loader:
            batch = data.finish(loaded.to(device, non_blocking=True), training=True)
            with torch.autocast(device.type, torch.bfloat16):
                outputs = network.labelled_outputs(batch)
                losses = [network.loss(task, raw, own) for task, (raw, own) in outputs.items()]
            optimizer.zero_grad(set_to_none=True)
            torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), cfg.trainer.gradient_clip_val)
            optimizer.step()
            schedule.step()
            images += len(batch)
        return images

    return epoch
