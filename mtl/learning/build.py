"""From a checked configuration to what trains the network."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as L
import torch
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig
from pytorch_lightning.callbacks import GradientAccumulationScheduler
from pytorch_lightning.loggers import Logger
from pytorch_lightning.plugins import CheckpointIO, LayerSync, Precision
from pytorch_lightning.profilers import Profiler
from pytorch_lightning.strategies import Strategy
from torch.optim import Optimizer

from mtl.config.instantiate import container, make, without
from mtl.config.packages import check_packages
from mtl.errors import UserError
from mtl.learning.callbacks.live import watched
from mtl.learning.checkpoint_file import write_in_its_folder
from mtl.learning.compiled import compile_encoder
from mtl.learning.module import MultiTaskModule
from mtl.learning.optimizer.groups import parameter_groups
from mtl.learning.optimizer.stages import stage_parameters, stage_rates
from mtl.learning.refusals import raised_by_lightning
from mtl.learning.scheduler.base import Schedule
from mtl.learning.weighting.bases.base import Weighting
from mtl.model.network import Network
from mtl.processes import launch
from mtl.words import counted

TRAINER_FRAMEWORK_KEYS = (
    "compile",
    "channels_last",
    "matmul_precision",
    "limit_epochs",
    "total_batch",
)
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


PARTS = (Strategy, Profiler, Precision, ClusterEnvironment, CheckpointIO, LayerSync)
"""What nodes inside the trainer's may make."""


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
        UserError: Lightning refuses it; this machine has no such device, say.
    """
    display = watched() if is_enabled(cfg, "progress") else []
    torch.set_float32_matmul_precision(cfg.trainer.matmul_precision)
    try:
        trainer = make(
            _with_objects(without(cfg.trainer, TRAINER_FRAMEWORK_KEYS)) | _started(cfg),
            L.Trainer,
            max_epochs=cfg.epochs,
            callbacks=callbacks + display,
            logger=loggers or False,
            default_root_dir=str(folder),
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            enable_checkpointing=any(hasattr(c, "last_model_path") for c in callbacks),
        )
    except (MisconfigurationException, ValueError, TypeError, ImportError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not raised_by_lightning(error):
            raise
        reason = " ".join(str(error).split())
        raise UserError(
            f"trainer.accelerator={cfg.trainer.accelerator}, devices={cfg.trainer.devices}, "
            f"precision={cfg.trainer.precision}: {reason} (trainer=cpu runs everywhere)"
        ) from error
    write_in_its_folder(trainer)
    # Its answer to SIGTERM talks to the other processes out of a signal handler, for ever at times.
    trainer._signal_connector.register_signal_handlers = _nothing
    # With max_steps it would take the end of an epoch for the middle of one: a run that goes on
    # from there would have an epoch without batches first.
    trainer.fit_loop._iteration_based_training = _no
    # Lightning would make boxes half precision too; the data module converts what has to be.
    trainer.precision_plugin.convert_input = lambda batch: batch
    return cast(L.Trainer, trainer)


def refuse_other_processes(cfg: DictConfig, trainer: L.Trainer) -> None:
    """See that a trainer counts on as many processes as a launcher has started.

    Args:
        cfg: the whole configuration.
        trainer: made of it.

    Raises:
        UserError: it would wait for others, or each process would train by itself.
    """
    started, own = launch(), cfg.trainer
    counted_on = trainer.num_devices * trainer.num_nodes
    if started is not None and started.world != counted_on:
        raise UserError(
            f"{started.by} has started {counted(started.world, 'process')}, and trainer.devices="
            f"{own.devices} trainer.num_nodes={own.num_nodes} trainer.strategy={own.strategy} are "
            f"{counted_on}; trainer=ddp trainer.devices=auto takes as many as there are"
        )
    place = getattr(trainer.strategy, "cluster_environment", None)
    if started is None and isinstance(place, SLURMEnvironment) and trainer.world_size > 1:
        raise UserError(
            f"this job of SLURM has {trainer.world_size} tasks, and mtl runs in one of them; write "
            "srun before the command"
        )


def _started(cfg: DictConfig) -> dict[str, int]:
    """What ``trainer.devices=auto`` is where a launcher has started the processes."""
    started = launch()
    if started is None or cfg.trainer.devices != "auto":
        return {}
    return {"devices": started.each, "num_nodes": started.nodes}


def _nothing() -> None:
    pass


def _no() -> bool:
    return False


def _with_objects(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The trainer's node with its inner nodes (a strategy, a profiler, plugins) made."""
    return {key: _made(value) if key != "_target_" else value for key, value in settings.items()}


def _made(value: Any) -> Any:
    if isinstance(value, list):
        return [_made(item) for item in value]
    return make(value, PARTS) if isinstance(value, dict) and "_target_" in value else value
