"""Configurations of older versions, as this one would have written them.

What has moved or come since runs were first written stands here and nowhere else.
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, cast

from mtl.config.groups import members, short_keys
from mtl.config.measures import DIRECTIONS
from mtl.config.member_files import node_of
from mtl.config.nearest import in_words
from mtl.config.schema import is_number

MOVED = (
    # The rooms were put into wings.
    (re.compile(r"^mtl\.(augmentation|preprocess)\."), r"mtl.data.\1."),
    (re.compile(r"^mtl\.data\.(cifar|image_folder|shapes|voc\w*)\."), r"mtl.data.sources.\1."),
    (re.compile(r"^mtl\.(views|backbone|encoder|fusion|head|ensemble)\."), r"mtl.model.\1."),
    (re.compile(r"^mtl\.(weighting|unfreezing|scheduler|callbacks|logger)\."), r"mtl.learning.\1."),
    (re.compile(r"^mtl\.model\.fusion\.mean\.Mean$"), "mtl.model.fusion.mean.MeanFusion"),
    (re.compile(r"^mtl\.model\.ensemble\.mean\.Mean$"), "mtl.model.ensemble.mean.MeanEnsemble"),
)
"""Names of classes before, and what became of them; one after the other."""

BOX = "mtl.model.head.box.Box"
SPLIT_BY = {"split_by": "name"}
ADDED: dict[str, dict[str, Any]] = {
    "mtl.data.sources.voc_folder.VocFolder": {"masks": "indices", "test_fraction": 0.0},
    "mtl.data.sources.yolo.YoloSet": SPLIT_BY,
    "mtl.data.sources.csv_table.CsvTable": SPLIT_BY,
    "mtl.data.sources.coco.CocoSet": SPLIT_BY,
    "mtl.data.sources.folders.Folders": SPLIT_BY,
    "mtl.data.sources.image_folder.ImageFolder": SPLIT_BY,
    "mtl.model.views.single.Single": {"checkpointing": False},
    "mtl.model.backbone.*": {"rotation": "none", "rotation_pool": "max"},
    "mtl.model.fusion.none.NoFusion": {"exchange": "none"},
    "mtl.model.ensemble.none.NoEnsemble": {"tta": []},
    BOX: {"delta_unit": "pixel"},
    "mtl.learning.weighting.gradnorm.GradNorm": {"every": 1},
    "mtl.learning.weighting.torchjd_method.TorchJD": {"every": 1},
    "torch.optim.*": {"stage_factors": None, "stage_decay": 1.0},
    "pytorch_lightning.Trainer": {"matmul_precision": "highest"},
}
"""Keys that can't be missing and that older nodes of a class lack, with what held before."""
TOP: dict[str, Any] = {"baselines": False, "protocol": "chosen"}
"""Likewise of keys at the top."""
SINCE: dict[str, Any] = {"init": {"_target_": "mtl.learning.init.none.NoInit"}}
"""Groups that came later, with what held before; a run that lacks them is of this version still."""


def upgraded(values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A run's configuration with the names and keys of this version.

    Args:
        values: the whole of it, plain; it stays as it is.

    Returns:
        The new one, and what is different, a line each; none for one of this version.
    """
    changes: list[str] = []
    new = cast(dict[str, Any], _node(values, "", changes))
    _weigh_boxes(values, new, changes)
    if short_keys().keys() - TOP.keys() <= new.keys():
        new = {**new, **{group: dict(node) for group, node in SINCE.items() if group not in new}}
        for key, value in TOP.items():
            if key not in new:
                new[key] = value
                changes.append(_before(key, value))
    return new, changes


def _weigh_boxes(old: Mapping[str, Any], new: Mapping[str, Any], changes: list[str]) -> None:
    """The loss of boxes in pixels was ``side * delta / 10`` times as large as today's."""
    heads = new["heads"] if isinstance(new.get("heads"), dict) else {}
    for task, head in heads.items():
        if not isinstance(head, dict) or head.get("_target_") != BOX:
            continue
        given: list[Any] = [head.get("weight"), head.get("delta"), new.get("image_size")]
        if "delta_unit" not in old["heads"][task] and all(map(is_number, given)):
            weight, delta, side = given
            head["weight"] = weight * side * delta / 10
            changes.append(
                f"heads.{task}.weight={weight} is now {head['weight']:g}, as its loss was in pixels"
            )


def _node(node: Any, key: str, changes: list[str]) -> Any:
    if isinstance(node, list):
        return [_node(item, f"{key}[{place}]", changes) for place, item in enumerate(node)]
    if not isinstance(node, Mapping):
        return node
    new = {k: _node(v, f"{key}.{k}" if key else str(k), changes) for k, v in node.items()}
    name = new.get("_target_")
    if not isinstance(name, str):
        return new
    new["_target_"] = _moved(name)
    if new["_target_"] != name:
        changes.append(f"{key}._target_={name} is now {new['_target_']}")
    for option, value in _added(key, new["_target_"], new).items():
        new[option] = value
        changes.append(_before(f"{key}.{option}", value))
    return new


def _before(key: str, value: object) -> str:
    return f"{key}={in_words(value)} is what held before there was a choice"


def _moved(name: str) -> str:
    for before, now in MOVED:
        name = before.sub(now, name)
    return name


def _added(key: str, name: str, node: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pattern, options in ADDED.items():
        if fnmatchcase(name, pattern):
            found |= {option: value for option, value in options.items() if option not in node}
    if key.startswith("heads.") and not DIRECTIONS.keys() & node.keys():
        found |= _declarations(name)
    return found


def _declarations(name: str) -> dict[str, Any]:
    """Which way each metric of one of our heads is better, as its yaml says it."""
    for member in members("head"):
        head = node_of("head", member)
        if head.get("_target_") == name:
            return {key: head[key] for key in DIRECTIONS if key in head}
    return {}
