"""A run that is killed and started again equals one that never was, to the last digit."""

import json
from pathlib import Path

import fresh
import torch
from kill_and_resume import kill_and_resume
from voc_factory import make_voc

QUIET = ["callbacks.figures.enabled=false", "callbacks.curves.enabled=false"]
SHAPES = [
    *QUIET,
    "data=shapes",
    "data.train=48",
    "data.val=8",
    "data.test=8",
    "image_size=32",
    "batch_size=8",
    "epochs=5",
    "tasks=[classification,detection]",
    "heads.classification.dropout=0.3",
    "heads.detection.channels=32",
    "backbone.width=8",
    "augmentation=c_rmtl",
    "scheduler=onecycle",
    "callbacks.ema.enabled=true",
    "callbacks.early_stopping.enabled=true",
    "callbacks.early_stopping.patience=3",
]


def check(folder: Path, overrides: list[str], killed: list[list[str]]) -> None:
    """Hold runs with further overrides, each killed at some moment, against the unbroken one."""
    done = fresh.start(kill_and_resume, folder, overrides, killed, cwd=folder).wait()
    assert done.code == 0, done.out + done.err
    print(done.out)
    whole = json.loads((folder / "whole" / "results.json").read_text())
    for attempt in range(len(killed)):
        resumed = json.loads((folder / f"killed{attempt}" / "results.json").read_text())
        for key in ("metrics", "best", "epochs", "seed", "parameters"):
            assert resumed[key] == whole[key], f"{key} of attempt {attempt}"
        for name in ("best", "last"):
            left, right = (
                torch.load(folder / which / "checkpoints" / f"{name}.ckpt", weights_only=True)
                for which in ("whole", f"killed{attempt}")
            )
            assert left["epoch"] == right["epoch"]
            assert left["state_dict"].keys() == right["state_dict"].keys()
            for parameter, value in left["state_dict"].items():
                assert torch.equal(value, right["state_dict"][parameter]), parameter


def test_arrays_with_average_and_early_stopping(tmp_path: Path) -> None:
    check(tmp_path, SHAPES, [[]])


def test_files_with_workers_and_plateau(tmp_path: Path) -> None:
    make_voc(tmp_path / "data", n_train=12, n_val=4, n_test=4, size=(48, 40), masks=True, seed=0)
    overrides = [
        *QUIET,
        "data=voc_folder",
        f"data.root={tmp_path / 'data'}",
        "data.workers=0",
        "tasks=[multilabel,segmentation]",
        "image_size=32",
        "batch_size=4",
        "epochs=5",
        "backbone.width=8",
        "heads.segmentation.channels=32",
        "augmentation=c_rmtl",
        "scheduler=plateau",
        "scheduler.patience=0",
        "trainer.accumulate_grad_batches=2",
    ]
    check(tmp_path, overrides, [[], ["data.workers=2"]])
