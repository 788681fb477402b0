"""From a checked configuration to what trains the network."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as L
from lightning_fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig
from pytorch_lightning.loggers import Logger
from torch.optim import Optimizer

from mtl.config.instantiate import container, make, without
from mtl.errors import UserError
from mtl.learning.callbacks.progress import bars
from mtl.learning.module import MultiTaskModule
from mtl.learning.optimizer.groups import parameter_groups
from mtl.learning.optimizer.stages import stage_parameters, stage_rates
from mtl.learning.scheduler.base import Schedule
from mtl.learning.weighting.base import Weighting
from mtl.model.network import Network

TRAINER_FRAMEWORK_KEYS = ("compile", "channels_last", "limit_epochs")
OPTIMIZER_FRAMEWORK_KEYS = ("backbone_factor", "stage_factors", "stage_decay", "decay_vectors")


def _optimizer_settings(cfg: DictConfig) -> dict[str, Any]:
    """The optimizer's node; not fused where mixed precision clips gradients.

    A fused step undoes the scaling of the gradients inside, too late for clipping them.
    """
    settings = container(cfg.optimizer)
    clips = cfg.trainer.gradient_clip_val is not None
    if clips and str(cfg.trainer.precision).endswith("mixed") and "fused" in settings:
        settings["fused"] = False
    return settings


def _make_optimizer(
    settings: Mapping[str, Any],
    lr: float,
    factor: float,
    rates: Mapping[str, float],
    network: Network,
    weighting: Weighting,
) -> Optimizer:
    options = {k: v for k, v in settings.items() if k not in OPTIMIZER_FRAMEWORK_KEYS}
    groups = parameter_groups(
        network, weighting, lr, factor, options["weight_decay"], settings["decay_vectors"], rates
    )
    return cast(Optimizer, make(options, Optimizer, params=groups, lr=lr))


def _pretrained(cfg: DictConfig) -> bool:
    """Whether any backbone starts from weights that were learned before."""
    backbones = cfg.encoder.get("backbones") or [cfg.backbone]
    return any(backbone.get("weights") not in (None, "none") for backbone in backbones)


def build_module(cfg: DictConfig, network: Network) -> MultiTaskModule:
    """The LightningModule around a network.

    Args:
        cfg: the whole configuration.
        network: as ``build_network`` makes it.

    Raises:
        UserError: ``optimizer.stage_factors`` names a stage that the backbone lacks.
    """
    factor = cfg.optimizer.backbone_factor
    if factor == "auto":
        factor = 0.1 if _pretrained(cfg) else 1.0
    settings = _optimizer_settings(cfg)
    stages = tuple(stage_parameters(network.encoder))
    rates = stage_rates(stages, settings["stage_factors"], settings["stage_decay"])
    module = MultiTaskModule(
        network=network,
        weighting=make(container(cfg.weighting), Weighting, tasks=list(cfg.tasks)),
        task_weights={task: cfg.heads[task].weight for task in cfg.tasks},
        make_optimizer=partial(_make_optimizer, settings, cfg.lr, factor, rates),
        make_scheduler=partial(make, container(cfg.scheduler), Schedule),
        monitor=cfg.monitor,
        settings=container(cfg),
        channels_last=cfg.trainer.channels_last,
    )
    if cfg.trainer.compile:
        network.encoder.compile()
    return module


def build_callbacks(cfg: DictConfig) -> list[L.Callback]:
    """The enabled callbacks, and what trains when."""
    entries = container(cfg.callbacks).values()
    chosen = [{k: v for k, v in e.items() if k != "enabled"} for e in entries if e["enabled"]]
    return [
        make(container(cfg.unfreezing), L.Callback),
        *(make(entry, L.Callback) for entry in chosen),
    ]


def build_loggers(cfg: DictConfig, folder: Path, purge_step: int | None) -> list[Logger]:
    """The loggers, writing into the run folder.

    Args:
        cfg: the whole configuration.
        folder: of the run.
        purge_step: on a resume, the step from which on earlier entries don't count.
    """
    return [
        make(e, Logger, folder=folder, purge_step=purge_step)
        for e in container(cfg.logger).values()
    ]


def build_trainer(
    cfg: DictConfig, folder: Path, callbacks: list[L.Callback], loggers: list[Logger]
) -> L.Trainer:
    """Lightning's Trainer.

    Args:
        cfg: the whole configuration.
        folder: of the run.
        callbacks: as ``build_callbacks`` makes them.
        loggers: as ``build_loggers`` makes them.

    Raises:
        UserError: this machine has no such device.
    """
    moving = bars() if cfg.callbacks.progress.enabled else []
    try:
        trainer = make(
            without(cfg.trainer, TRAINER_FRAMEWORK_KEYS),
            L.Trainer,
            max_epochs=cfg.epochs,
            callbacks=callbacks + moving,
            logger=loggers or False,
            default_root_dir=str(folder),
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            enable_model_summary=False,
            enable_progress_bar=bool(moving),
            enable_checkpointing=any(hasattr(c, "last_model_path") for c in callbacks),
        )
    except MisconfigurationException as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"trainer.accelerator={cfg.trainer.accelerator}, devices={cfg.trainer.devices}: "
            f"{reason} (trainer=cpu runs everywhere)"
        ) from error
    return cast(L.Trainer, trainer)
