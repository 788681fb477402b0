"""The single-task run that a task of a run is measured against."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mtl.config.difference import content
from mtl.config.instantiate import container
from mtl.config.member_files import node_of
from mtl.config.paths import BASELINES
from mtl.files import read_json

OF_VIEWS = (
    "mtl.model.encoder.branches.Branches",
    "mtl.model.encoder.siamese.Siamese",
)
"""Encoders that say how views and branches share, which a network for one task has as well."""


@dataclass(frozen=True)
class Baseline:
    """The single-task run of one task.

    Args:
        task: its name.
        cfg: finalised and checked.
        folder: of the run.
    """

    task: str
    cfg: DictConfig
    folder: Path

    def __str__(self) -> str:
        """``box, seed 0``."""
        return f"{self.task}, seed {self.cfg.seed}"

    @property
    def finished(self) -> bool:
        """Whether it has been trained."""
        return read_json(self.folder / "status.json").get("state") == "finished"


def baselines_of(cfg: DictConfig, root: Path = BASELINES) -> list[Baseline]:
    """The baselines of a run's tasks; none where it has a single one.

    A folder's name says the task and, as a short hash, everything that the result depends on, so
    that runs with the same baseline find the same folder.

    Args:
        cfg: of the run, finalised and checked.
        root: where baselines lie.
    """
    if len(cfg.tasks) == 1:
        return []
    alone = {str(task): single(cfg, str(task)) for task in cfg.tasks}
    return [Baseline(task, own, root / f"{task}-{_short(own)}") for task, own in alone.items()]


def baselines_of_all(
    configurations: Iterable[DictConfig], root: Path = BASELINES
) -> list[Baseline]:
    """The baselines of several runs, each once.

    Args:
        configurations: of the runs, finalised and checked.
        root: where baselines lie.
    """
    found = [baseline for cfg in configurations for baseline in baselines_of(cfg, root)]
    return list({baseline.folder: baseline for baseline in found}.values())


def single(cfg: DictConfig, task: str) -> DictConfig:
    """The configuration that trains one task alone on the same terms.

    Data, preprocessing, augmentation, backbone, views with their fusion and ensemble, and the whole
    budget stay. What only makes sense among several tasks goes: how they share parameters, exchange
    features and weigh losses, and the factor on the task's loss. What followed another task follows
    the score.

    Args:
        cfg: of the run, finalised and checked.
        task: one of its tasks.
    """
    values = container(cfg)
    values |= {
        "name": f"baseline_{task}",
        "tasks": [task],
        "heads": {task: {**values["heads"][task], "weight": 1.0}},
        "encoder": _encoder(values["encoder"]),
        "weighting": node_of("weighting", "equal"),
        "baselines": False,
    }
    if "exchange" in values["fusion"]:
        values["fusion"]["exchange"] = "none"
    callbacks = values["callbacks"]
    for name, key, nothing in (("conflict", "enabled", False), ("checkpoint", "monitors", [])):
        if key in callbacks.get(name, {}):
            callbacks[name][key] = nothing
    for node in (values, *callbacks.values()):
        if "monitor" in node:
            node["monitor"] = _monitor(node["monitor"], task)
    alone = OmegaConf.create(values)
    OmegaConf.set_struct(alone, True)
    return alone


def _encoder(node: dict[str, Any]) -> dict[str, Any]:
    """A task's several networks (``per_task``) make streams, for an ensemble to combine."""
    stays = node["_target_"] in OF_VIEWS or node.get("networks", 1) > 1
    return node if stays else node_of("encoder", "shared")


def _monitor(monitor: str, task: str) -> str:
    _, _, name = monitor.partition("/")
    owner, _, metric = name.rpartition("/")
    return monitor if metric and owner in ("", task) else "val/score"


def _short(cfg: DictConfig) -> str:
    text = json.dumps(content(cfg), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def folders_of(baselines: Sequence[Baseline]) -> dict[str, Path]:
    """Task to folder."""
    return {baseline.task: baseline.folder for baseline in baselines}
