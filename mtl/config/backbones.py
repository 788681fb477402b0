"""Further backbones that an encoder names, written out so that a run's configuration is whole."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from mtl.config.allowed import Chosen
from mtl.config.groups import members
from mtl.config.nearest import in_words, unknown
from mtl.config.ranges import check_ranges
from mtl.config.schema import check_keys, composed_defaults, fit_types
from mtl.errors import UserError

KEY = "encoder.backbones"


def write_out(encoder: Mapping[str, Any], config_dir: Path | None) -> dict[str, Any]:
    """The encoder's node with its ``backbones`` as whole nodes of ``conf/backbone``.

    Args:
        encoder: may have ``backbones``, each a name, a mapping with ``name`` and options
            (``{name: resnet18, weights: imagenet}``), or a whole node already.
        config_dir: the user's folder.

    Raises:
        UserError: there is no such backbone, or it has no such option.
    """
    if not isinstance(encoder.get("backbones"), list):
        return dict(encoder)
    return {**encoder, "backbones": [_whole(item, config_dir) for item in encoder["backbones"]]}


def without_first_weights(cfg: DictConfig) -> None:
    """Make every backbone start from random weights, in place: a checkpoint's will follow."""
    for backbone in (cfg.backbone, *(cfg.encoder.get("backbones") or [])):
        if "weights" in backbone:
            backbone.weights = "none"


def _whole(item: object, config_dir: Path | None) -> dict[str, Any]:
    if isinstance(item, dict) and "_target_" in item:
        return item
    options = dict(item) if isinstance(item, dict) else {"name": item}
    name, there = options.pop("name", None), members("backbone", config_dir)
    if name is None:
        raise UserError(f"{KEY}: {in_words(item)} has no name; there are {', '.join(there)}")
    if str(name) not in there:
        raise UserError(f"{KEY}: {unknown('backbone', str(name), there)}")
    node = composed_defaults((f"backbone={name}",), config_dir)["backbone"]
    wanted = {"backbone": {**copy.deepcopy(node), **options}}
    check_keys(wanted, {"backbone": node})
    chosen = Chosen(config_dir, {"backbone": str(name)})
    fitted = fit_types(wanted, {"backbone": node}, chosen)
    check_ranges(fitted, chosen)
    return dict(fitted["backbone"])
