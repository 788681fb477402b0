"""Made-up runs with everything that the report shows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from made_up_runs import config, write_run
from PIL import Image

GAINS = {"equal": (0.0, 0.0), "pcgrad": (0.002, -0.03), "cagrad": (0.05, 0.02)}
"""Of accuracy and iou, over those of ``equal``: cagrad is surely better, pcgrad worse on boxes."""
LABELS = ["circle", "square", "star"]


def write_full_run(
    folder: Path, weighting: str, seed: int, labels: list[str] = LABELS, **results: Any
) -> Path:
    """A finished run with curves, figures and all but kept samples."""
    number = list(GAINS).index(weighting)
    rng = np.random.default_rng([seed, number])
    accuracy, iou = GAINS[weighting]
    metrics = {
        "classification/accuracy": 0.6 + accuracy + 0.01 * seed + 0.001 * rng.standard_normal(),
        "classification/auroc": 0.8 + accuracy + 0.01 * seed,
        "box/iou": 0.7 + iou + 0.01 * seed + 0.001 * rng.standard_normal(),
        "box/mae": 3.0 - 10 * iou - 0.01 * seed,
        "score": 0.65 + (accuracy + iou) / 2 + 0.01 * seed,
    }
    write_run(
        folder,
        config(seed, weighting),
        metrics,
        started=f"2026-01-01T{number:02}:0{seed}:00+00:00",
        duration_s=10.0 + number,
        images_per_second=50.0,
        **results,
    )
    environment = {"python": "3.11", "commit": "abc", "packages": {"torch": "2.15"}}
    turned = {"angles": [0, 90, 180], "metrics": {"test/box/iou": [0.7 + iou, 0.6, 0.5]}}
    files = {
        "environment.json": json.dumps(environment),
        "app.log": f"[2026][mtl.cli.job][INFO] mtl train weighting={weighting} seed={seed}\n",
        "metrics.csv": scalars(iou),
        "curves/test.json": json.dumps({"classification": curves(labels)}),
        "eval/rotation_test.json": json.dumps(turned),
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (folder / "figures").mkdir()
    picture = np.full((40, 60, 3), 40 * seed, np.uint8)
    Image.fromarray(picture).save(folder / "figures/test.png")
    return folder


def scalars(gain: float) -> str:
    rows = ["step,metric,value"]
    for step in (10, 20, 30):
        rows.append(f"{step},train/loss,{2 - step / 30:.3f}")
        rows.append(f"{step},val/score,{0.5 + step / 100 + gain:.3f}")
        rows.append(f"{step},val/box/iou,{0.4 + step / 100 + gain:.3f}")
        rows.append(f"{step},conflict/cosine/classification-box,{-0.2:.3f}")
        rows.append(f"{step},lr/heads,0.001")
    return "\n".join(rows) + "\n"


def curves(labels: list[str]) -> dict[str, Any]:
    """Of one task with three classes."""
    roc = {"fpr": [0, 0, 0.5, 1], "tpr": [0, 0.4, 0.8, 1], "auc": 0.75}
    pr = {"recall": [0, 0.5, 1], "precision": [1, 0.9, 0.4], "ap": 0.8}
    return {
        "confusion": {"classes": labels, "counts": [[8, 1, 1], [2, 8, 0], [0, 0, 10]]},
        "roc": dict.fromkeys(("all", *labels), roc),
        "pr": dict.fromkeys(("all", *labels), pr),
        "calibration": {
            "confidence": [0.3, 0.9],
            "accuracy": [0.2, 0.8],
            "count": [10, 20],
            "ece": 0.1,
        },
    }


def write_full_sweep(folder: Path, seeds: int = 3, labels: list[str] = LABELS) -> Path:
    """Three weightings over some seeds."""
    for weighting in GAINS:
        for seed in range(seeds):
            write_full_run(folder / f"weighting-{weighting}_seed-{seed}", weighting, seed, labels)
    return folder
