"""A run that is killed and started again equals one that never was, to the last digit."""

from pathlib import Path

import fresh
from kill_and_resume import kill_and_resume
from voc_factory import make_voc

from benchmarks.kills import RUN, differs

SHAPES = [
    *RUN,
    "callbacks.figures.enabled=false",
    "callbacks.early_stopping.enabled=true",
    "callbacks.early_stopping.patience=3",
]


def check(folder: Path, overrides: list[str], killed: list[list[str]]) -> None:
    """Hold runs with further overrides, each killed at some moment, against the unbroken one."""
    done = fresh.start(kill_and_resume, folder, overrides, killed, cwd=folder).wait()
    assert done.code == 0, done.out + done.err
    print(done.out)
    found = [differs(folder / "whole", folder / f"killed{n}") for n in range(len(killed))]
    assert found == [None] * len(killed)


def test_arrays_with_average_and_early_stopping(tmp_path: Path) -> None:
    check(tmp_path, SHAPES, [[]])


def test_files_with_workers_and_plateau(tmp_path: Path) -> None:
    make_voc(tmp_path / "data", n_train=12, n_val=4, n_test=4, size=(48, 40), masks=True, seed=0)
    overrides = [
        "callbacks.figures.enabled=false",
        "callbacks.curves.enabled=false",
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
