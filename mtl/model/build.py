"""From a checked configuration to the network."""

from collections.abc import Mapping
from typing import Any, cast

import torch
from omegaconf import DictConfig

from mtl.config.instantiate import container, make, without
from mtl.config.measures import DIRECTIONS
from mtl.data.image_format import format_of
from mtl.data.sample import Target
from mtl.data.target.registry import kind_of
from mtl.errors import UserError
from mtl.model.backbone.base import Backbone
from mtl.model.backbone.image_channels import take_channels
from mtl.model.backbone.rotation import apply_rotation
from mtl.model.encoder.base import Encoder
from mtl.model.ensemble.base import Ensemble
from mtl.model.fusion.base import Fusion
from mtl.model.head.base import Head
from mtl.model.network import Network
from mtl.model.views.base import Views

HEAD_FRAMEWORK_KEYS = ("kind", "target", "weight", *DIRECTIONS)
BACKBONE_FRAMEWORK_KEYS = ("mean", "std", "stride", "rotation", "rotation_pool")


def build_network(cfg: DictConfig, targets: Mapping[str, Target]) -> Network:
    """The network with fresh weights, or with those that ``backbone.weights`` names.

    Args:
        cfg: the whole configuration.
        targets: what the data can label.

    Raises:
        UserError: a task's target is not among them or of another kind, or the parts don't go
            together.
    """
    tasks = list(cfg.tasks)
    chosen = container(cfg.backbone)
    channels = format_of(cfg.data).channels

    def make_backbone(settings: Mapping[str, Any] | None = None) -> Backbone:
        node = chosen if settings is None else settings
        own = {key: value for key, value in node.items() if key not in BACKBONE_FRAMEWORK_KEYS}
        made = cast(Backbone, make(own, Backbone))
        # A user's own backbone need not have the keys.
        take_channels(made, channels)
        apply_rotation(made, node.get("rotation", "none"), node.get("rotation_pool", "max"))
        return made

    views = make(container(cfg.views), Views)
    encoder = make(
        container(cfg.encoder), Encoder, make_backbone=make_backbone, tasks=tasks, views=views
    )
    fusion = make(
        container(cfg.fusion),
        Fusion,
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
        kind, there = cfg.heads[task].get("kind"), targets[name].kind
        if kind is not None and kind_of(str(kind)) != there:
            raise UserError(f"heads.{task}.kind={kind}: the data's {name} is of kind {there}")
    heads = {
        task: make(
            without(cfg.heads[task], HEAD_FRAMEWORK_KEYS),
            Head,
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
    ensemble = make(container(cfg.ensemble), Ensemble, streams=fusion.streams, tasks=tasks)
    with torch.no_grad():
        _, seen, _, side = views(torch.zeros(1, channels, cfg.image_size, cfg.image_size)).shape
    for module in encoder.modules():
        if isinstance(module, Backbone):
            module.checkpointing = views.checkpointing
            module.check_size(side, seen)
    return Network(views, encoder, fusion, heads, names, ensemble, channels)


def _check_views(task: str, head: Head, views: Views, fusion: Fusion) -> None:
    """A head whose decisions have a place must get the whole picture.

    Raises:
        UserError: it would get parts of it.
    """
    if views.whole or not head.target.kind.placed:
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
