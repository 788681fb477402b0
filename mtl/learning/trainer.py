"""Lightning's Trainer, of a checked configuration."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as L
import torch
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig
from pytorch_lightning.loggers import Logger
from pytorch_lightning.plugins import CheckpointIO, LayerSync, Precision
from pytorch_lightning.profilers import Profiler
from pytorch_lightning.strategies import Strategy

from mtl.config.instantiate import make, without
from mtl.errors import UserError
from mtl.learning.build import is_enabled
from mtl.learning.callbacks.live import watched
from mtl.learning.checkpoint_file import write_in_its_folder
from mtl.learning.refusals import raised_by_lightning
from mtl.processes import launch
from mtl.words import counted

TRAINER_FRAMEWORK_KEYS = (
    "compile",
    "channels_last",
    "matmul_precision",
    "limit_epochs",
    "total_batch",
)
PARTS = (Strategy, Profiler, Precision, ClusterEnvironment, CheckpointIO, LayerSync)
"""What nodes inside the trainer's may make."""


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
