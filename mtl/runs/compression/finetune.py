"""Training a network a little more, as its run trained it."""

import shutil
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from mtl.config.member_files import node_of
from mtl.data.loading.module import MultiTaskData
from mtl.learning.build import build_callbacks, build_module
from mtl.learning.callbacks.broken import BrokenSamples
from mtl.learning.checkpoints import load_network_weights
from mtl.learning.trainer import build_trainer
from mtl.model.network import Network

KEPT = ("checkpoint", "ema", "progress")
"""Callbacks of the run that a fine-tuning has as well."""


def finetune(
    cfg: DictConfig,
    data: MultiTaskData,
    network: Network,
    epochs: int,
    lr: float,
    folder: Path,
    seed: int,
) -> None:
    """Train with the run's heads, weighting, augmentation, optimiser and schedule.

    An average of the weights reaches as far back, as a share of the training, as in the run.

    Everything is trained, whatever the run froze: what was taken out of a frozen stage has to be
    made good there.

    Args:
        cfg: of the run.
        data: of the run, opened.
        network: changed in place; of the epochs the best by the run's monitor is left, on the CPU,
            in evaluation mode.
        epochs: at least 1.
        lr: largest learning rate.
        folder: for checkpoints, removed afterwards.
        seed: of order, augmentation and dropout.
    """
    cfg = cfg.copy()
    OmegaConf.set_struct(cfg, False)
    shorter = float(cfg.epochs) / epochs
    cfg.epochs, cfg.lr, cfg.seed = epochs, lr, seed
    cfg.trainer.compile = False
    cfg.unfreezing = node_of("unfreezing", "none")
    cfg.callbacks = {name: node for name, node in cfg.callbacks.items() if name in KEPT}
    if "decay" in cfg.callbacks.get("ema", {}):
        # Otherwise a short training would hardly move it from where it began.
        cfg.callbacks.ema.decay = max(0.0, 1 - shorter * (1 - float(cfg.callbacks.ema.decay)))
    for parameter in network.parameters():
        parameter.requires_grad_()
    module = build_module(cfg, network.train())
    trainer = build_trainer(cfg, folder, [*build_callbacks(cfg), BrokenSamples()], [])
    before, data.seed = data.seed, seed
    torch.manual_seed(seed)
    try:
        trainer.fit(module, datamodule=data)
    finally:
        data.seed = before
    network.cpu()
    best = folder / "checkpoints" / "best.ckpt"
    if best.exists():
        load_network_weights(network, best)
    shutil.rmtree(folder, ignore_errors=True)
    network.eval()
