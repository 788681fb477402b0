"""Members of all groups, those of a user's own folder among them, built small.

Nothing here or in the tests beside it lists members: a new yaml is tested as soon as it is there.
"""

import atexit
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import every_kind
import torch
from omegaconf import DictConfig, OmegaConf
from own_members import YAML

from mtl.config.groups import members
from mtl.config.load import load
from mtl.config.member_files import node_of
from mtl.data.batch import Batch, Labelled
from mtl.data.build import build_data
from mtl.data.sample import Target
from mtl.errors import UserError
from mtl.learning.build import build_module
from mtl.learning.module import MultiTaskModule
from mtl.model.build import build_network

SIZE = 32
NEEDED: dict[tuple[str, str], dict[str, Any]] = {("ensemble", "weighted"): {"weights": [0.5, 0.5]}}
"""Values of members whose yaml leaves a key to the user (``???``)."""
FCOS = ("detection", "instance", "pose")
BASE = (
    "data=every_kind",
    "data.train=4",
    "data.val=1",
    "data.test=1",
    f"image_size={SIZE}",
    "batch_size=4",
    "backbone.width=8",
    *(f"heads.{head}.channels=32" for head in FCOS),
    *(f"heads.{head}.convs=1" for head in FCOS),
    *(f"heads.{head}.detections=10" for head in FCOS),
    "heads.instance.grid=7",
    *(f"heads.{head}.channels=8" for head in ("segmentation", "depth", "normals", "keypoints")),
    "views=rotations",
    "views.angles=[0,90]",
    "fusion=mean",
    "ensemble=mean",
)
"""Two views, so that there is something to merge and to decide between."""
REPOSITORY = Path(__file__).parents[2]


def _own_folder() -> Path:
    """A user's folder: the members of README and docs/, and one of each other group."""
    folder = Path(tempfile.mkdtemp(prefix="mtl-own-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for page in (REPOSITORY / "README.md", REPOSITORY / "docs" / "architecture.md"):
        text = page.read_text()
        for name, content in re.findall(r"^```\w+ (mine/\S+)\n(.*?)^```$", text, re.M | re.S):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    for name, content in YAML.items():
        path = folder / "mine" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    sys.path.append(str(folder))
    return every_kind.write(folder / "mine")


OWN = _own_folder()


def every(group: str) -> list[str]:
    """All members of a group."""
    return sorted(members(group, OWN))


@cache
def config(*overrides: str) -> DictConfig:
    """The base, in which every head is a task, with further overrides."""
    return load([*BASE, f"tasks=[{','.join(every('head'))}]", *overrides], OWN)


def node(group: str, name: str) -> DictConfig:
    """A member's part of the configuration."""
    if group == "head":
        return config().heads[name]
    return OmegaConf.create(node_of(group, name, OWN) | NEEDED.get((group, name), {}))


def chosen(tasks: Sequence[str], **nodes: DictConfig) -> DictConfig:
    """The base with some tasks only, and with some groups' nodes replaced."""
    cfg = config().copy()
    OmegaConf.set_struct(cfg, False)
    cfg.tasks = list(tasks)
    if list(tasks) != list(cfg.heads):
        cfg.heads = {task: cfg.heads[task] for task in tasks}
    for group, value in nodes.items():
        cfg[group] = value
    return cfg


@cache
def data() -> tuple[Batch, dict[str, Target]]:
    """Four labelled images (normalised), and what they are labelled with."""
    found = build_data(config())
    found.prepare_data()
    (batch,) = list(found.loader("train"))
    return found.finish(batch, training=False), dict(found.targets)


def build(cfg: DictConfig, seed: int = 0) -> MultiTaskModule:
    """The module with fresh weights."""
    torch.manual_seed(seed)
    return build_module(cfg, build_network(cfg, data()[1]))


def subject(group: str, name: str) -> DictConfig:
    """A configuration in which a member of a part of the network has something to do."""
    return found_subject(group, name).copy()


@cache
def found_subject(group: str, name: str) -> DictConfig:
    tasks = [name] if group == "head" else ["classification", "segmentation"]
    nodes = {} if group == "head" else {group: node(group, name)}
    # Streams that are left apart for an ensemble; a fusion and views have several to merge; with
    # all others one view lets a batch of one sample be one row.
    other = {} if group in ("fusion", "views") else {"views": node("views", "single")}
    if group == "ensemble":
        other = {"fusion": node("fusion", "none")}
    # No backbone is what others don't go with; the large ones take long to build.
    tried = nodes if group != "backbone" else {}
    try:
        build_network(chosen(tasks, **other, **tried), data()[1])
    except UserError:  # that does not go with this member
        return chosen(tasks, **nodes)
    return chosen(tasks, **other, **nodes)


def labelled_only(batch: Batch, rows: Sequence[int]) -> Batch:
    """The same images, of which only some have labels."""
    targets = {}
    for name, labels in batch.targets.items():
        keep = torch.isin(labels.index, torch.tensor(rows, dtype=torch.int64))
        if keep.any():
            targets[name] = Labelled(labels.index[keep], labels.value[keep])
    return replace(batch, targets=targets)


def alone(batch: Batch, rows: Sequence[int]) -> Batch:
    """Some of the images, with their labels."""
    kept = labelled_only(batch, rows).targets
    place = torch.full((len(batch),), -1)
    place[list(rows)] = torch.arange(len(rows))
    targets = {name: Labelled(place[found.index], found.value) for name, found in kept.items()}
    ids = [batch.ids[row] for row in rows]
    return replace(batch, image=batch.image[list(rows)], ids=ids, targets=targets)


def smaller(batch: Batch, side: int) -> Batch:
    """The images at another size; their labels stay as they are."""
    image = torch.nn.functional.interpolate(batch.image, (side, side), mode="nearest")
    return replace(batch, image=image)


def tensors(raw: Any) -> dict[str, torch.Tensor]:
    """A head's raw output as named tensors."""
    return {"": raw} if isinstance(raw, torch.Tensor) else dict(raw)
