"""Evaluating what separately trained runs decide together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from omegaconf import DictConfig

from mtl.config.backbones import without_first_weights
from mtl.config.instantiate import container, located, make
from mtl.data.build import build_data
from mtl.data.sources.base import Split
from mtl.errors import UserError
from mtl.learning.quiet import quiet_lightning
from mtl.model.ensemble.base import Ensemble
from mtl.model.head.base import HeadMetrics
from mtl.runs.agreement import check_agreement, check_classes, common_tasks
from mtl.runs.prediction.predictor import Predictor

Member = tuple[Path, DictConfig]
"""A run's folder and its configuration."""


@dataclass(frozen=True)
class RunsResult:
    """What came out.

    Args:
        tasks: that all runs have, in the first one's order.
        left_out: each other task, and why.
        metrics: of the ensemble, full metric name to value.
        runs: the same of each run by itself, by its folder.
        labelled: task to how many labelled samples all of them are of.
    """

    tasks: list[str]
    left_out: dict[str, str]
    metrics: dict[str, float]
    runs: dict[str, dict[str, float]]
    labelled: dict[str, int]


@torch.no_grad()
def evaluate_runs(
    members: Sequence[Member],
    settings: DictConfig,
    chosen: str,
    split: Split,
    checkpoint: str = "best",
) -> RunsResult:
    """Metrics of several runs, and of what they decide together, over one split.

    Each sample is read once, with the first run's settings, and normalised for each network as it
    was trained. Metrics are those of the first run's heads for all.

    Args:
        members: at least 2.
        settings: the ensemble's node.
        chosen: its name.
        split: ``val`` or ``test``.
        checkpoint: which one of each run.

    Raises:
        UserError: the runs don't go together, or with this ensemble; or there is no such split or
            checkpoint.
    """
    quiet_lightning()
    refuse(chosen, settings)
    tasks, left_out = common_tasks(members)
    check_agreement(members, tasks)
    ensemble: Ensemble = make(container(settings), Ensemble, streams=len(members), tasks=tasks)
    _, first = members[0]
    data = build_data(first)
    data.prepare_data()
    device = "cpu" if first.trainer.accelerator == "cpu" else "auto"
    networks = [_opened(path, cfg, checkpoint, device) for path, cfg in members]
    data.in_terms_of(
        {
            networks[0].network.target_names[task]: networks[0].network.head(task).target
            for task in tasks
        }
    )
    data.required(split)
    check_classes([path for path, _ in members], networks, data.targets, tasks)
    heads = {task: networks[0].network.head(task) for task in tasks}
    counted = [
        {task: head.make_metrics().to(networks[0].device) for task, head in heads.items()}
        for _ in range(len(members) + 1)
    ]
    samples = dict.fromkeys(tasks, 0)
    for raw in data.loader(split):
        data.note_broken(raw.broken)
        if len(raw) == 0:
            continue
        batch = raw.to(networks[0].device)
        decided = []
        for member in networks:
            own = replace(batch, image=member.normalise(batch.image))
            decided.append(member.network.decisions(own, member.network.labelled_outputs(own)))
        for task, head in heads.items():
            labels = head.labels(batch, networks[0].network.target_names[task])
            if labels is None:
                continue
            samples[task] += len(labels.index)
            decisions = [found[task] for found in decided]
            for metrics, decision in zip(counted, decisions, strict=False):
                metrics[task].update(decision, labels)
            counted[-1][task].update(ensemble.combine(task, head, decisions), labels)
    mains = {task: head.metrics[0] for task, head in heads.items()}
    *singles, together = [_results(split, metrics, mains) for metrics in counted]
    names = [str(path) for path, _ in members]
    runs = dict(zip(names, singles, strict=True))
    return RunsResult(tasks, left_out, together, runs, samples)


def refuse(chosen: str, settings: DictConfig) -> None:
    """Refuse an ensemble that has to be trained with its networks.

    Raises:
        UserError: it is one.
    """
    if not located(settings, Ensemble).over_models:
        raise UserError(
            f"ensemble={chosen}: can't combine separately trained runs; choose mean, weighted or "
            "vote"
        )


def _opened(folder: Path, cfg: DictConfig, checkpoint: str, device: str) -> Predictor:
    cfg = cfg.copy()
    without_first_weights(cfg)
    return Predictor.of(cfg, folder, checkpoint, device)


def _results(
    split: Split, counted: Mapping[str, HeadMetrics], mains: Mapping[str, str]
) -> dict[str, float]:
    """Full metric name to value, with the mean over tasks of each one's main metric."""
    found = {task: metrics.compute() for task, metrics in counted.items()}
    values = {
        f"{split}/{task}/{name}": float(value)
        for task, named in found.items()
        for name, value in named.items()
    }
    main = [float(named[mains[task]]) for task, named in found.items() if mains[task] in named]
    return values | ({f"{split}/score": sum(main) / len(main)} if main else {})
