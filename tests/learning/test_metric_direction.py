"""A head of a user's own says which way its metrics are better, and the run goes by it."""

import json
from pathlib import Path
from typing import Any

import pytest
from training_kit import SCRIPTED, write_conf

from mtl.config.load import load
from mtl.errors import UserError
from mtl.learning.checkpoints import read_checkpoint
from mtl.runs.train import train

BASE = [
    "data=alternating",
    "backbone=plain",
    "tasks=[speed]",
    "heads.speed.target=a",
    "batch_size=4",
    "data.train=8",
    "data.val=4",
    "test=false",
    "monitor=val/speed/rmse",
    "callbacks.figures.enabled=false",
    "logger=none",
]


def run(folder: Path, *more: str) -> tuple[dict[str, Any], Path]:
    conf = write_conf(folder / "conf")
    train(load([*BASE, *more], conf), folder / "run")
    return json.loads((folder / "run" / "results.json").read_text()), folder / "run"


def test_the_epoch_with_the_smallest_error_is_kept(tmp_path: Path) -> None:
    script = "heads.speed.script=[3,nan,1,2,1.5]"
    found, folder = run(
        tmp_path,
        script,
        "epochs=9",
        "callbacks.early_stopping.enabled=true",
        "callbacks.early_stopping.patience=2",
        "scheduler=plateau",
        "scheduler.patience=0",
        "scheduler.factor=0.5",
        "optimizer.backbone_factor=1",
        "lr=0.01",
    )
    # Progress in the first and third epoch; two without end the run.
    assert found["best"] == {"epoch": 3, "monitor": "val/speed/rmse", "score": 1.0}
    assert found["epochs"] == 5
    assert read_checkpoint(folder / "checkpoints" / "best.ckpt")["epoch"] == 2
    # The rate is halved after epochs two, four and five.
    last = read_checkpoint(folder / "checkpoints" / "last.ckpt")
    rates = {group["lr"] for group in last["optimizer_states"][0]["param_groups"]}
    assert list(rates) == pytest.approx([0.01 / 8])


def test_undeclared_metrics_are_refused(tmp_path: Path) -> None:
    conf = write_conf(tmp_path)
    (conf / "head" / "speed.yaml").write_text(SCRIPTED.replace("rmse: [0, null]", "mae: [0, 1]"))
    with pytest.raises(UserError, match=r"rmse is not declared; .* smaller_is_better: {rmse:"):
        load(BASE, conf)
