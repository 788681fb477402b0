"""Repeating a run: what is asked, what is said, and that it comes out the same."""

import json
import shutil
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image
from training_kit import checkpoint, same_weights, write_conf

from mtl.cli.rerun import _leave_out_trackers
from mtl.config import load
from mtl.learning.callbacks.checkpoint import BestAndLast
from mtl.learning.callbacks.task_stopping import TaskStopping
from mtl.learning.plateau import Plateau
from mtl.runs.environment import differing
from mtl.runs.rerun import differences, numbers, rows, surroundings, verdict, without_later_gain
from mtl.runs.train import train

TRUSTED = "trust=[training_kit]"
BASE = [
    "data=alternating",
    "backbone=plain",
    "augmentation=none",
    "tasks=[a,speed]",
    "heads.speed.target=b",
    "heads.speed.metrics=[exact]",
    "epochs=4",
    "batch_size=4",
    "lr=0.02",
    "callbacks.checkpoint.monitors=tasks",
    "callbacks.task_stopping.enabled=true",
    "callbacks.task_stopping.drop=true",
    "callbacks.figures.enabled=false",
    "callbacks.curves.enabled=false",
    "logger=none",
]


def test_differences_by_hand() -> None:
    before = {"a": 0.5, "b": 1.0, "c": nan, "d": 2.0, "e": 3.0}
    now = {"a": 0.5, "b": 1.25, "c": nan, "d": 2.5, "f": 1.0}
    found = [(d.name, d.size) for d in differences(before, now)]
    assert found == [("e", inf), ("f", inf), ("d", 0.5), ("b", 0.25)]
    assert rows({"b": 1.0}, {"b": 1.25, "e": 3.0}) == [
        ["e", "", "3.000000", "inf"],
        ["b", "1.000000", "1.250000", "0.25"],
    ]
    same = {"a": 0.1 + 0.2}
    assert verdict(same, same) == "the only metric agrees to the last digit"
    assert verdict(same, {"a": 0.3}) == (
        "1 of 1 metric differs; the largest difference: a 5.55e-17"
    )
    assert verdict({}, same) == "the run left no metrics to compare with"
    assert verdict({"a": nan}, same).endswith("the largest difference: a not a number")


@pytest.mark.parametrize("metrics", [None, 3, [], {"a": "x", "b": True, "c": None, "d": [1]}])
def test_results_of_a_stranger_are_numbers_or_nothing(metrics: Any) -> None:
    assert numbers({"metrics": metrics}) == {}


def test_what_differs_is_said(tmp_path: Path) -> None:
    now = {"mtl": "2", "commit": "f" * 40, "dirty": True, "packages": {"torch": "2.15", "x": "1"}}
    before = {"commit": None, "packages": {"torch": "2.14", "x": "1"}}
    assert differing(before, now) == [
        "mtl unknown, now 2",
        f"commit unknown, now {'f' * 40}",
        "torch 2.14, now 2.15",
    ]
    assert differing({**now, "packages": 3}, now) == [
        "torch unknown, now 2.15",
        "x unknown, now 1",
    ]
    assert differing({**now, "mtl": "\x1b[2J\n"}, now) == ["mtl ?[2J?, now 2"]
    assert surroundings(tmp_path) == [
        f"{tmp_path / 'environment.json'} is missing: what it was made with is not known"
    ]
    (tmp_path / "environment.json").write_text("{")
    (line,) = surroundings(tmp_path)
    assert line.startswith(f"{tmp_path / 'environment.json'}: can't be read as JSON")
    (tmp_path / "environment.json").write_text('{"dirty": true}')
    said = surroundings(tmp_path)
    assert said[0].startswith("made with other versions or devices: mtl unknown, now ")
    assert said[1] == "its code was not as committed: the difference was not kept"
    (tmp_path / "uncommitted.diff").write_text("-a\n+b\n")
    assert surroundings(tmp_path)[1].endswith(f"see {tmp_path / 'uncommitted.diff'}")


@pytest.fixture
def made_up(tmp_path: Path) -> Path:
    folder = tmp_path / "made_up"
    folder.mkdir()
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(load([])))
    return folder


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("lr=0.1", "lr=0.1: a rerun repeats the run as it was; it takes out=, data.root=, "),
        ("trainer=gpu", "trainer=gpu: a rerun repeats the run"),
        ("trainer.precision=16-mixed", "a rerun repeats the run"),
        ("out={run}", "out={run}: is the run itself"),
        ("hydra.run.dir={run}/", "hydra.run.dir={run}: is the run itself"),
        ("out={run}/config.yaml", "is a file: give a folder that can be made"),
        ("trainer.devices=2", "several processes have to know the folder: write out=DIR"),
        ("run={run}", "run is given twice"),
    ],
)
def test_mistakes(mtl: Any, made_up: Path, own: str, said: str) -> None:
    result = mtl("rerun", f"run={made_up}", own.format(run=made_up))
    assert result.code == 2
    assert said.format(run=made_up) in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("distillation.json", "{}", "teachers took part in this training; mtl rerun repeats"),
        ("results.json", '{"compressed": {}}', "mtl compress made this network; mtl rerun repeats"),
    ],
)
def test_what_training_alone_would_not_make_is_refused(
    mtl: Any, made_up: Path, file: str, content: str, said: str
) -> None:
    (made_up / file).write_text(content)
    result = mtl("rerun", f"run={made_up}")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert f"run={made_up}: {said}" in result.err


def test_a_strangers_callbacks_write_nothing_unasked(mtl: Any, made_up: Path) -> None:
    assert "run= is needed" in mtl("rerun").err
    cfg = load(
        [
            "callbacks.mine._target_=pytorch_lightning.callbacks.ModelCheckpoint",
            "callbacks.mine.dirpath=elsewhere",
        ]
    )
    (made_up / "config.yaml").write_text(OmegaConf.to_yaml(cfg))
    result = mtl("rerun", f"run={made_up}")
    assert result.code == 2
    assert "may write anywhere; if you know whose run this is, write trust=" in result.err


def test_trackers_that_a_run_names_are_left_out() -> None:
    cfg = load(["logger=all"])
    _leave_out_trackers(cfg)
    assert list(cfg.logger) == ["tensorboard", "csv"]


def test_results_that_are_cut_off_are_named_before_anything_trains(mtl: Any, made_up: Path) -> None:
    (made_up / "results.json").write_text('{"metrics": {"test/sc')
    result = mtl("rerun", f"run={made_up}", "out=again")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert f"{made_up / 'results.json'}: can't be read as JSON" in result.err
    assert not Path("again").exists()


def test_killed_resumed_repeated_and_copied(
    mtl: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Depth, whose metric never moves, is dropped after epoch 2; the run is killed in epoch 3."""
    watch = lambda self, task: self.watched.setdefault(  # noqa: E731
        task, Plateau(1 if task == "speed" else 9, 0.0)
    )
    monkeypatch.setattr(TaskStopping, "_watch", watch)
    conf = write_conf(tmp_path / "conf")
    cfg = load(BASE, conf)
    run, copied = tmp_path / "run", tmp_path / "elsewhere" / "copied"
    write = BestAndLast.on_train_epoch_end

    def stop(self: BestAndLast, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == 2:
            raise KeyboardInterrupt
        write(self, trainer, module)

    with monkeypatch.context() as patch:
        patch.setattr(BestAndLast, "on_train_epoch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            train(cfg, run)
    before = checkpoint(run, "last")["state_dict"]
    train(cfg, run)
    after = checkpoint(run, "last")["state_dict"]
    moved = {name for name in before if not before[name].equal(after[name])}
    assert moved
    assert not any(".speed." in name for name in moved)

    result = mtl("rerun", f"run={run}", "out=again", TRUSTED)
    assert (result.code, result.err) == (0, "")
    lines = [line for line in result.out.splitlines() if line]
    assert lines[0] in (
        "same versions, commit and device as then",
        "same versions and device as then; of which commit it was is not known",
        f"its code was not as committed: see {run / 'uncommitted.diff'}",
    )
    assert "speed: val/speed/exact not better for 10 validations; out of the" in result.out
    first, second = (
        json.loads((folder / "results.json").read_text()) for folder in (run, Path("again"))
    )
    assert lines[-1] == f"all {len(first['metrics'])} metrics agree to the last digit"
    for key in ("metrics", "best", "best_by_monitor", "left", "epochs"):
        assert first[key] == second[key], key
    assert first["left"] == {"speed": 2}
    assert first["best_by_monitor"].keys() == {"val/a/accuracy", "val/speed/exact"}
    for name in ("best", "best_a_accuracy", "best_speed_exact", "last"):
        one, other = (checkpoint(folder, name) for folder in (run, Path("again")))
        assert one["epoch"] == other["epoch"]
        assert same_weights(one["state_dict"], other["state_dict"])
        assert one["callbacks"]["TaskStopping"] == other["callbacks"]["TaskStopping"]

    shutil.copytree(run, copied)
    shutil.rmtree(run)
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save("photo.png")
    chosen = [f"run={copied}", "checkpoint=best_a_accuracy", TRUSTED]
    result = mtl("eval", *chosen, "split=val")
    assert (result.code, result.err) == (0, "")
    written = json.loads((copied / "eval" / "val_best_a_accuracy.json").read_text())
    best = first["best_by_monitor"]["val/a/accuracy"]["score"]
    assert written["metrics"]["val/a/accuracy"] == pytest.approx(best)
    result = mtl("predict", *chosen, "input=photo.png", "out=predicted")
    assert (result.code, result.err) == (0, "")
    result = mtl("eval", f"run={copied}", "checkpoint=best_a_acuracy", TRUSTED)
    assert "did you mean 'best_a_accuracy'" in result.err


def test_a_gain_that_was_added_later_is_no_difference() -> None:
    """``mtl baselines`` writes it into the results of the run, and a repetition trains none."""
    before = {"test/a/accuracy": 0.5, "test/delta_m": 0.1, "test/a/delta": 0.1}
    assert without_later_gain(before, {"test/a/accuracy": 0.5}) == {"test/a/accuracy": 0.5}
    assert without_later_gain(before, before) == before
