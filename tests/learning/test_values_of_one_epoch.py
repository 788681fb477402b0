"""What a validation didn't find is not there: results, checkpoints and stops are of one epoch."""

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from training_kit import checkpoint, write_conf

from mtl.config.load import load
from mtl.files import read_json
from mtl.learning.callbacks import early_stopping
from mtl.learning.callbacks.early_stopping import ResumableEarlyStopping
from mtl.runs.train import train

RUN = [
    "data=alternating",
    "backbone=plain",
    "augmentation=none",
    "batch_size=4",
    "callbacks.figures.enabled=false",
    "callbacks.progress.enabled=false",
]
SCRIPTED = ["head@heads.speed=speed", "heads.speed.target=a", "tasks=[a,speed]"]


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conf(tmp_path_factory.mktemp("conf"))


def test_a_metric_that_comes_and_goes(conf: Path, tmp_path: Path) -> None:
    """It is there in the first validation of two, and the second epoch is the best."""
    own = ["heads.speed.script=[3,-1]", "monitor=val/loss", "epochs=2", "lr=0.01", "test=false"]
    train(load([*RUN, *SCRIPTED, *own], conf), tmp_path / "run")
    results = read_json(tmp_path / "run" / "results.json")
    assert results["best"]["epoch"] == 2
    assert results["best"]["score"] == results["metrics"]["val/loss"]
    assert "val/speed/exact" in results["metrics"]
    assert "val/speed/rmse" not in results["metrics"]
    for name in ("best", "last"):
        assert "val/speed/rmse" not in checkpoint(tmp_path / "run", name)["mtl"]["metrics"]


def test_of_two_validations_in_an_epoch_the_last_one_counts(conf: Path, tmp_path: Path) -> None:
    own = ["heads.speed.script=[3,-1]", "trainer.val_check_interval=0.5", "epochs=1", "test=false"]
    train(load([*RUN, *SCRIPTED, *own], conf), tmp_path / "run")
    assert "val/speed/rmse" not in read_json(tmp_path / "run" / "results.json")["metrics"]


def test_an_epoch_without_validation_has_no_values_of_another(conf: Path, tmp_path: Path) -> None:
    own = ["trainer.check_val_every_n_epoch=2", "epochs=3", "lr=0.01", "test=false"]
    train(load([*RUN, *own], conf), tmp_path / "run")
    last, best = (checkpoint(tmp_path / "run", name) for name in ("last", "best"))
    assert (best["epoch"], last["epoch"]) == (1, 2)
    assert "val/score" in best["mtl"]["metrics"]
    assert not any(name.startswith("val/") for name in last["mtl"]["metrics"])


def test_plateau_counts_the_epochs_that_are_validated(conf: Path, tmp_path: Path) -> None:
    """With a rate of nearly 0 nothing gets better after the first validation."""
    own = ["lr=1e-6", "scheduler=plateau", "scheduler.patience=0", "scheduler.min_lr=0"]
    own += ["trainer.check_val_every_n_epoch=2", "epochs=6", "test=false"]
    train(load([*RUN, *own], conf), tmp_path / "run")
    with (tmp_path / "run" / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "lr/heads"]
    rates = [float(row["value"]) for row in rows]
    assert rates == pytest.approx([1e-6, 1e-6, 1e-6, 1e-6, 1e-7, 1e-7])


def test_early_stopping_counts_a_missing_value_as_no_progress(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    monkeypatch.setattr(early_stopping, "say", said.append)
    callback = ResumableEarlyStopping("val/x/y", patience=2, min_delta=0.0)
    module: Any = SimpleNamespace(mode_of=lambda name: "max")
    often: Any = SimpleNamespace(val_check_interval=1.0, check_val_every_n_epoch=1)
    callback.setup(often, module, "fit")
    stops = []
    for value in (0.5, None, 0.6, None, None):
        found = {} if value is None else {"val/x/y": torch.tensor(value)}
        trainer: Any = SimpleNamespace(
            fast_dev_run=False,
            is_global_zero=True,
            should_stop=False,
            current_epoch=0,
            callback_metrics=found,
            strategy=SimpleNamespace(reduce_boolean_decision=lambda decision, all: decision),
        )
        callback._run_early_stopping_check(trainer)
        stops.append(trainer.should_stop)
    assert stops == [False, False, False, False, True]
    assert callback.reason == "val/x/y not better for 2 epochs"
    assert said == ["val/x/y has no value: early stopping counts it as no progress"] * 3


def test_a_run_stops_where_what_it_follows_stays_away(conf: Path, tmp_path: Path) -> None:
    own = ["heads.speed.script=[3,-1]", "monitor=val/speed/rmse", "epochs=5", "test=false"]
    own += ["callbacks.early_stopping.enabled=true", "callbacks.early_stopping.patience=2"]
    train(load([*RUN, *SCRIPTED, *own], conf), tmp_path / "run")
    results = read_json(tmp_path / "run" / "results.json")
    assert results["epochs"] == 3
    assert results["best"] == {"epoch": 1, "monitor": "val/speed/rmse", "score": 3.0}
