"""From a checked configuration to objects."""

import inspect
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as L
from hydra.utils import get_object
from lightning_fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import Logger
from torch.optim import Optimizer

from mtl.backbone.base import Backbone
from mtl.backbone.rotation import apply_rotation
from mtl.callbacks.progress import bars
from mtl.data.module import MultiTaskData
from mtl.data.sample import Target
from mtl.errors import UserError
from mtl.fusion.base import Fusion
from mtl.head.base import Head
from mtl.network import Network
from mtl.optimizer.groups import parameter_groups
from mtl.optimizer.stages import stage_parameters, stage_rates
from mtl.training.module import MultiTaskModule
from mtl.views.base import Views
from mtl.weighting.base import Weighting

LOADING_KEYS = ("limit", "workers", "on_error", "cache", "cache_dir")
DATA_FRAMEWORK_KEYS = ("targets", "suggested", *LOADING_KEYS)
HEAD_FRAMEWORK_KEYS = ("kind", "target", "weight")
BACKBONE_FRAMEWORK_KEYS = ("mean", "std", "stride", "rotation", "rotation_pool")
TRAINER_FRAMEWORK_KEYS = ("compile", "channels_last")
OPTIMIZER_FRAMEWORK_KEYS = ("backbone_factor", "stage_factors", "stage_decay", "decay_vectors")


def plain(config: Any) -> dict[str, Any]:
    """A config node as a plain dict."""
    return cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))


def without(config: DictConfig, keys: tuple[str, ...]) -> dict[str, Any]:
    """A node as a plain dict, less the keys that the framework reads itself."""
    return {key: value for key, value in plain(config).items() if key not in keys}


def make(config: Mapping[str, Any], **more: Any) -> Any:
    """Call what ``_target_`` names with the other keys.

    Hydra's own ``instantiate`` would turn dataclasses among the arguments into configs.

    Raises:
        UserError: there is nothing of that name, or it doesn't take those arguments.
    """
    name = config["_target_"]
    try:
        target = get_object(name)
    except (ImportError, AttributeError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise UserError(f"_target_={name} can't be loaded: {reason}") from error
    arguments = {key: value for key, value in config.items() if key != "_target_"} | more
    try:
        inspect.signature(target).bind(**arguments)
    except TypeError as error:
        raise UserError(f"{name} and its yaml differ: {error}") from error
    return target(**arguments)


def build_data(cfg: DictConfig) -> MultiTaskData:
    """The data module; nothing is read from disk yet.

    Args:
        cfg: the whole configuration.
    """
    data_set = make(without(cfg.data, DATA_FRAMEWORK_KEYS), image_size=cfg.image_size)
    return MultiTaskData(
        data_set=data_set,
        preprocess=make(plain(cfg.preprocess), image_size=cfg.image_size),
        augmentation=make(plain(cfg.augmentation)),
        batch_size=cfg.batch_size,
        seed=cfg.seed,
        **{key: cfg.data[key] for key in LOADING_KEYS},
    )


def build_network(cfg: DictConfig, targets: Mapping[str, Target]) -> Network:
    """The network with fresh weights, or with those that ``backbone.weights`` names.

    Args:
        cfg: the whole configuration.
        targets: what the data can label.

    Raises:
        UserError: a task's target is not among them, or the parts don't go together.
    """
    tasks = list(cfg.tasks)
    chosen = plain(cfg.backbone)

    def make_backbone(settings: Mapping[str, Any] | None = None) -> Backbone:
        node = chosen if settings is None else settings
        own = {key: value for key, value in node.items() if key not in BACKBONE_FRAMEWORK_KEYS}
        made = cast(Backbone, make(own))
        # A user's own backbone need not have the keys.
        apply_rotation(made, node.get("rotation", "none"), node.get("rotation_pool", "max"))
        return made

    views = make(plain(cfg.views))
    encoder = make(plain(cfg.encoder), make_backbone=make_backbone, tasks=tasks, views=views)
    fusion = make(
        plain(cfg.fusion),
        stages=encoder.feature_stages,
        tasks=tasks,
        views=views,
        streams=encoder.streams,
    )
    names = {task: str(cfg.heads[task].target) for task in tasks}
    for task, name in names.items():
        if name not in targets:
            raise UserError(
                f"task {task} needs the target '{name}', which this data doesn't have; "
                f"it labels {', '.join(targets)}"
            )
    heads = {
        task: make(
            without(cfg.heads[task], HEAD_FRAMEWORK_KEYS),
            target=targets[names[task]],
            stages=fusion.feature_stages,
            image_size=cfg.image_size,
        )
        for task in tasks
    }
    for task, head in heads.items():
        _check_views(task, head, views, fusion)
    fusion.only({stride for head in heads.values() for stride in head.reads})
    if views.equivariant and views.quarter_turns and encoder.symmetric and fusion.symmetric:
        for head in heads.values():
            head.make_equivariant()
    ensemble = make(plain(cfg.ensemble), streams=fusion.streams, tasks=tasks)
    for module in encoder.modules():
        if isinstance(module, Backbone):
            module.checkpointing = views.checkpointing
    return Network(views, encoder, fusion, heads, names, ensemble)


def _check_views(task: str, head: Head, views: Views, fusion: Fusion) -> None:
    """A head whose decisions have a place must get the whole picture.

    Raises:
        UserError: it would get parts of it.
    """
    if views.whole or head.target.kind not in ("boxes", "mask"):
        return
    if head.whole_objects:
        raise UserError(
            f"task {task}: views=tiles cut objects apart, which it has to see whole; choose other "
            "views, or tasks such as classification and box"
        )
    if fusion.streams > 1:
        raise UserError(
            f"task {task}: fusion=none leaves tiles apart, and it says where things are in the "
            "whole image; choose fusion=mil_attention or fusion=mean"
        )


def _optimizer_settings(cfg: DictConfig) -> dict[str, Any]:
    """The optimizer's node; not fused where mixed precision clips gradients.

    A fused step undoes the scaling of the gradients inside, too late for clipping them.
    """
    settings = plain(cfg.optimizer)
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
    return cast(Optimizer, make(options, params=groups, lr=lr))


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
        weighting=make(plain(cfg.weighting), tasks=list(cfg.tasks)),
        task_weights={task: cfg.heads[task].weight for task in cfg.tasks},
        make_optimizer=partial(_make_optimizer, settings, cfg.lr, factor, rates),
        make_scheduler=partial(make, plain(cfg.scheduler)),
        monitor=cfg.monitor,
        settings=plain(cfg),
        channels_last=cfg.trainer.channels_last,
    )
    if cfg.trainer.compile:
        network.encoder.compile()
    return module


def build_callbacks(cfg: DictConfig) -> list[L.Callback]:
    """The enabled callbacks, and what trains when."""
    entries = plain(cfg.callbacks).values()
    chosen = [{k: v for k, v in e.items() if k != "enabled"} for e in entries if e["enabled"]]
    return [make(plain(cfg.unfreezing)), *(make(entry) for entry in chosen)]


def build_loggers(cfg: DictConfig, folder: Path, purge_step: int | None) -> list[Logger]:
    """The loggers, writing into the run folder.

    Args:
        cfg: the whole configuration.
        folder: of the run.
        purge_step: on a resume, the step from which on earlier entries don't count.
    """
    return [make(e, folder=folder, purge_step=purge_step) for e in plain(cfg.logger).values()]


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
