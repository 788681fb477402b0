"""Made-up runs with everything that the report shows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from made_up_runs import config, write_run
from PIL import Image

from mtl.model.samples.ids import packed

GAINS = {"equal": (0.0, 0.0), "pcgrad": (0.002, -0.03), "cagrad": (0.05, 0.02)}
"""Of accuracy and iou, over those of ``equal``: cagrad is surely better, pcgrad worse on boxes."""
LABELS = ["circle", "square", "star"]
PREPROCESS = {
    "_target_": "mtl.data.preprocess.standard.Standard",
    "mean": [0.5, 0.5, 0.5],
    "std": [0.25, 0.25, 0.25],
    "fit": "stretch",
}


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
        "curves/test.json": json.dumps({"classification": curves(labels), "box": success(iou)}),
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
        "chance": {"accuracy": 0.5},
    }


def success(gain: float) -> dict[str, Any]:
    """Of boxes whose IoU is spread evenly from 0.4 to 1, or a little more."""
    curve = {"iou": [0, 0.4 + gain, 1], "recall": [1, 1, 0], "area": 0.7 + gain / 2}
    return {"success": {"all": curve}}


def keep_samples(sweep: Path, **data: Any) -> None:
    """Lay what was decided on three test images into the folders of a sweep.

    The runs of cagrad take the second image for a star; its box is theirs alone too.

    Args:
        sweep: of ``write_full_sweep``.
        data: changes of the data set's node.
    """
    for folder in sorted(sweep.glob("weighting-*")):
        values = yaml.safe_load((folder / "config.yaml").read_text())
        values |= {"image_size": 32, "preprocess": PREPROCESS}
        values["data"] |= data
        (folder / "config.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
        other = "cagrad" in folder.name
        said = np.array([[0, 0, 0.5, 0.5]] * 3)
        said[1] += 0.25 * other
        ids = packed([f"test/{number}" for number in range(3)])
        arrays = {
            "classification/kind": "classes",
            "classification/metric": "accuracy",
            "classification/ids": ids,
            "classification/classes": packed(["circle", "square", "star"]),
            "classification/predicted": [0, 2 if other else 1, 0],
            "classification/truth": [0, 1, 0],
            "classification/of_truth": [0.9, 0.2 if other else 0.8, 0.9],
            "box/kind": "values",
            "box/metric": "iou",
            "box/ids": ids,
            "box/value": [1.0, 0.14 if other else 1.0, 1.0],
            "box/said_box": said,
            "box/true_box": [[0, 0, 0.5, 0.5]] * 3,
        }
        (folder / "samples").mkdir()
        np.savez(folder / "samples/test.npz", **{n: np.array(a) for n, a in arrays.items()})


def write_full_sweep(folder: Path, seeds: int = 3, labels: list[str] = LABELS) -> Path:
    """Three weightings over some seeds."""
    for weighting in GAINS:
        for seed in range(seeds):
            write_full_run(folder / f"weighting-{weighting}_seed-{seed}", weighting, seed, labels)
    return folder
