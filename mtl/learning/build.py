"""The LightningModule, its callbacks and its loggers, of a checked configuration."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as L
from omegaconf import DictConfig
from pytorch_lightning.callbacks import GradientAccumulationScheduler
from pytorch_lightning.loggers import Logger
from torch.optim import Optimizer

from mtl.config.instantiate import container, make, without
from mtl.config.packages import check_packages
from mtl.errors import UserError
from mtl.learning.compiled import compile_encoder
from mtl.learning.module import MultiTaskModule
from mtl.learning.optimizer.groups import parameter_groups
from mtl.learning.optimizer.stages import stage_parameters, stage_rates
from mtl.learning.scheduler.base import Schedule
from mtl.learning.weighting.bases.base import Weighting
from mtl.model.network import Network

OPTIMIZER_FRAMEWORK_KEYS = ("backbone_factor", "stage_factors", "stage_decay", "decay_vectors")
MakeModule = Callable[..., MultiTaskModule]


def _optimizer_settings(cfg: DictConfig) -> dict[str, Any]:
    """The optimizer's node; not fused where mixed precision clips gradients.

    A fused step undoes the scaling of the gradients inside, too late for clipping them. The key
    goes: ``fused=False`` would also switch off the step over all parameters at once.
    """
    settings = container(cfg.optimizer)
    clips = cfg.trainer.gradient_clip_val is not None
    if clips and str(cfg.trainer.precision).endswith("mixed"):
        settings.pop("fused", None)
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


def build_module(
    cfg: DictConfig, network: Network, make_module: MakeModule = MultiTaskModule
) -> MultiTaskModule:
    """The LightningModule around a network.

    Args:
        cfg: the whole configuration.
        network: as ``build_network`` makes it.
        make_module: called as ``MultiTaskModule`` is.

    Raises:
        UserError: ``optimizer.stage_factors`` names a stage that the backbone lacks.
    """
    factor = cfg.optimizer.backbone_factor
    if factor == "auto":
        factor = 0.1 if _pretrained(cfg) else 1.0
    settings = _optimizer_settings(cfg)
    stages = tuple(stage_parameters(network.encoder))
    rates = stage_rates(stages, settings["stage_factors"], settings["stage_decay"])
    module = make_module(
        network=network,
        weighting=make(container(cfg.weighting), Weighting, tasks=list(cfg.tasks)),
        task_weights={task: cfg.heads[task].weight for task in cfg.tasks},
        make_optimizer=partial(_make_optimizer, settings, cfg.lr, factor, rates),
        make_scheduler=partial(make, container(cfg.scheduler), Schedule),
        monitor=cfg.monitor,
        settings=container(cfg),
        channels_last=cfg.trainer.channels_last,
    )
    compile_encoder(network.encoder, cfg.trainer.compile, network.views.checkpointing)
    return module


def is_enabled(cfg: DictConfig, callback: str) -> bool:
    """Whether a callback is there and not switched off; a user's own need no such switch."""
    return callback in cfg.callbacks and bool(cfg.callbacks[callback].get("enabled", True))


def build_callbacks(cfg: DictConfig) -> list[L.Callback]:
    """The enabled callbacks, and what trains when.

    Raises:
        UserError: one is no callback, accumulates batches, which a key of the trainer's does, or
            has the state of another.
    """
    chosen = [str(name) for name in cfg.callbacks if is_enabled(cfg, str(name))]
    made = {name: _callback(name, without(cfg.callbacks[name], ("enabled",))) for name in chosen}
    _refuse_same_state(made)
    return [make(container(cfg.unfreezing), L.Callback), *made.values()]


def _refuse_same_state(callbacks: Mapping[str, L.Callback]) -> None:
    """Lightning refuses them too, without their names."""
    names: dict[str, str] = {}
    for name, callback in callbacks.items():
        if type(callback).state_dict is L.Callback.state_dict:
            continue
        other = names.setdefault(callback.state_key, name)
        if other != name:
            raise UserError(
                f"callbacks.{other} and callbacks.{name}: a checkpoint can't tell these two "
                f"{type(callback).__name__} apart; leave one out"
            )


def _callback(name: str, settings: Mapping[str, Any]) -> L.Callback:
    try:
        made: L.Callback = make(settings, L.Callback)
    except UserError as error:
        raise UserError(f"callbacks.{name}: {error}") from error
    if isinstance(made, GradientAccumulationScheduler):
        raise UserError(
            f"callbacks.{name}: accumulation can't change while a run trains; write "
            "trainer.accumulate_grad_batches=N instead"
        )
    return made


def build_loggers(cfg: DictConfig, folder: Path, purge_step: int | None) -> list[Logger]:
    """The loggers, writing into the run folder.

    Args:
        cfg: the whole configuration.
        folder: of the run.
        purge_step: on a resume, the step from which on earlier entries don't count.

    Raises:
        UserError: a package is not installed.
    """
    check_packages(cfg.logger)
    return [
        make(e, Logger, folder=folder, purge_step=purge_step)
        for e in container(cfg.logger).values()
    ]
