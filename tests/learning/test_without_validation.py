"""Runs in which nothing is validated: what goes by validation is refused, all else goes on."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from training_kit import checkpoint, write_conf

from mtl.config.load import load
from mtl.config.validation import unvalidated, validation_followers
from mtl.errors import UserError
from mtl.files import read_json
from mtl.runs.evaluate import evaluate
from mtl.runs.train import train

RUN = ["data=alternating", "backbone=plain", "augmentation=none", "batch_size=4", "epochs=2"]
OFF = "trainer.limit_val_batches=0"
SELDOM = "trainer.check_val_every_n_epoch=5"
OWN = "callbacks.mine._target_=pytorch_lightning.callbacks.EarlyStopping"
FOLLOWERS = {
    "callbacks.early_stopping": ["callbacks.early_stopping.enabled=true"],
    "callbacks.task_stopping": ["callbacks.task_stopping.enabled=true"],
    "callbacks.mine": [OWN, "callbacks.mine.monitor=val/loss"],
    "scheduler=plateau": ["scheduler=plateau"],
    "unfreezing.at=plateau": ["unfreezing=staged", "unfreezing.at=plateau"],
}
OTHERS = [
    "callbacks.checkpoint.monitors=tasks",
    "callbacks.ema.enabled=true",
    "callbacks.curves.every=1",
    "callbacks.samples.enabled=true",
    "callbacks.conflict.enabled=true",
    "callbacks.conflict.every=2",
    "unfreezing=staged",
    "unfreezing.every=1",
]


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conf(tmp_path_factory.mktemp("conf"))


@pytest.mark.parametrize(("name", "own"), FOLLOWERS.items(), ids=FOLLOWERS)
def test_what_goes_by_validation_is_refused(
    name: str, own: Sequence[str], conf: Path, tmp_path: Path
) -> None:
    cfg = load([*RUN, *own], conf)
    assert validation_followers(cfg) == [name]
    with pytest.raises(UserError) as error:
        load([*RUN, *own, OFF], conf)
    assert str(error.value) == (
        f"{OFF}: nothing is validated, and {name} goes by what validation finds; leave one of "
        "them out"
    )
    with pytest.raises(UserError) as error:
        train(load([*RUN, *own, "data.val=0"], conf), tmp_path / "run")
    assert str(error.value) == f"{name} needs a val split, and the data has none"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("without", [OFF, "data.val=0", SELDOM])
@pytest.mark.parametrize("test", ["test=true", "test=false"])
def test_all_else_goes_on_and_the_last_epoch_is_the_best(
    without: str, test: str, conf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(load([*RUN, *OTHERS, without, test], conf), tmp_path / "run")
    results = read_json(tmp_path / "run" / "results.json")
    assert results["best"] == {"epoch": 2, "monitor": "val/score", "score": None}
    assert {best["score"] for best in results["best_by_monitor"].values()} == {None}
    assert {name.partition("/")[0] for name in results["metrics"]} <= {"test"}
    assert bool(results["metrics"]) == (test == "test=true")
    assert checkpoint(tmp_path / "run", "best_a_accuracy")["epoch"] == 1
    said = " ".join(capsys.readouterr().out.split())
    reason = {
        OFF: f"{OFF}: nothing is validated, the last checkpoint counts as the best",
        SELDOM: f"{SELDOM} epochs=2: nothing is validated, the last checkpoint counts as the best",
        "data.val=0": "no val split: the last checkpoint counts as the best",
    }
    assert reason[without] in said


@pytest.mark.parametrize(("name", "own"), FOLLOWERS.items(), ids=FOLLOWERS)
def test_a_run_shorter_than_the_first_validation_says_who_waits(
    name: str, own: Sequence[str], conf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cfg = load([*RUN, SELDOM, *own, "callbacks.figures.enabled=false", "test=false"], conf)
    assert unvalidated(cfg) == f"{SELDOM} epochs=2"
    train(cfg, tmp_path / "run")
    assert read_json(tmp_path / "run" / "results.json")["epochs"] == 2
    assert f"and {name} has nothing to go by" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("name", ["callbacks.early_stopping", "callbacks.mine"])
def test_a_task_without_a_label_in_validation(name: str, conf: Path, tmp_path: Path) -> None:
    """Ours goes on for as long as it is patient; Lightning's own is refused in a line."""
    own = [line.replace("val/loss", "val/b/loss") for line in FOLLOWERS[name]]
    own += ["monitor=val/b/loss", "data.val=1"]
    cfg = load([*RUN, *own], conf)
    if name == "callbacks.early_stopping":
        train(cfg, tmp_path / "run")
        assert read_json(tmp_path / "run" / "results.json")["epochs"] == 2
        return
    with pytest.raises(UserError) as error:
        train(cfg, tmp_path / "run")
    assert str(error.value).startswith("trainer: Early stopping conditioned on metric `val/b/loss`")
    assert "\n" not in str(error.value)


def test_an_evaluation_of_nothing_is_refused(conf: Path, tmp_path: Path) -> None:
    train(load([*RUN, OFF, "test=false"], conf), tmp_path / "run")
    cfg = load([*RUN, OFF, "trainer.limit_test_batches=0"], conf)
    for split in ("val", "test"):
        with pytest.raises(UserError) as error:
            evaluate(cfg, tmp_path / "run", split)  # type: ignore[arg-type]
        limit = f"trainer.limit_{split}_batches"
        assert str(error.value) == f"{limit}=0: nothing of {split} is evaluated; write {limit}=null"
