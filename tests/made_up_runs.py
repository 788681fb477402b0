"""Run folders made up for comparisons: the few nodes and numbers that matter, and no training."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

HEADS = {
    "classification": {
        "_target_": "mtl.model.head.classification.Classification",
        "weight": 1.0,
        "metrics": ["accuracy", "auroc"],
        "larger_is_better": {"accuracy": [0, 1], "auroc": [0, 1]},
    },
    "box": {
        "_target_": "mtl.model.head.box.Box",
        "weight": 1.0,
        "metrics": ["iou", "mae"],
        "larger_is_better": {"iou": [0, 1]},
        "smaller_is_better": {"mae": [0, None]},
    },
}
WEIGHTINGS: Mapping[str, dict[str, Any]] = {
    "equal": {"_target_": "mtl.learning.weighting.equal.Equal"},
    "pcgrad": {
        "_target_": "mtl.learning.weighting.torchjd_method.TorchJD",
        "at": "parameters",
        "every": 1,
        "method": "torchjd.aggregation.PCGradWeighting",
    },
    "cagrad": {"_target_": "mtl.learning.weighting.cagrad.CAGrad", "every": 1, "c": 0.4},
}


def config(
    seed: int = 0,
    weighting: str = "equal",
    tasks: tuple[str, ...] = ("classification", "box"),
    **changes: Any,
) -> dict[str, Any]:
    """A run's configuration.

    Args:
        changes: single values by key, with ``__`` for the dot.
    """
    found: dict[str, Any] = {
        "data": {"_target_": "mtl.data.sources.shapes.Shapes", "workers": "auto", "train": 100},
        "backbone": {"_target_": "mtl.model.backbone.small_cnn.SmallCNN", "width": 16},
        "weighting": dict(WEIGHTINGS[weighting]),
        "callbacks": {
            "figures": {"_target_": "mtl.learning.callbacks.figures.Figures", "enabled": False},
            "ema": {"_target_": "mtl.learning.callbacks.ema.ExponentialAverage", "enabled": False},
        },
        "heads": {task: dict(HEADS[task]) for task in tasks},
        "name": f"{weighting}{seed}",
        "seed": seed,
        "tasks": list(tasks),
        "lr": 0.001,
    }
    for key, value in changes.items():
        *path, last = key.split("__")
        node = found
        for part in path:
            node = node[part]
        node[last] = value
    return found


def write_run(
    folder: Path,
    values: Mapping[str, Any],
    metrics: Mapping[str, float] | None,
    state: str = "finished",
    started: str = "2026-01-01T00:00:00+00:00",
    **more: Any,
) -> Path:
    """A run's folder.

    Args:
        metrics: of the test split, ``box/iou`` to value; None for no results.json.
        state: in status.json; with ``more["error"]`` if it failed.
        more: further keys of results.json.
    """
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(values), sort_keys=False))
    status = {"state": state, "started": started}
    if "error" in more:
        status["error"] = more.pop("error")
    (folder / "status.json").write_text(json.dumps(status))
    if metrics is not None:
        full = {f"test/{name}": value for name, value in metrics.items()}
        results = {"metrics": full, "seed": values["seed"], "parameters": 370_000, **more}
        (folder / "results.json").write_text(json.dumps(results))
    return folder


def write_sweep(
    folder: Path, scores: Mapping[str, Mapping[int, Mapping[str, float]]], **changes: Any
) -> Path:
    """A sweep over weightings and seeds.

    Args:
        scores: weighting to seed to metrics.
        changes: see ``config``.
    """
    for number, (weighting, seeds) in enumerate(scores.items()):
        for seed, metrics in seeds.items():
            write_run(
                folder / f"weighting-{weighting}_seed-{seed}",
                config(seed, weighting, **changes),
                metrics,
                started=f"2026-01-01T{number:02}:00:00+00:00",
                duration_s=100.0 + number,
            )
    (folder / "sweep.json").write_text(json.dumps({"jobs": 1, "metrics": []}))
    return folder
