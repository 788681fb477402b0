"""``mtl eval`` and the function behind it."""

import json
from pathlib import Path

import pytest
from training_kit import checkpoint, write_conf

from mtl.config.load import load
from mtl.config.saved import open_run
from mtl.data.build import build_data
from mtl.errors import BadFile, UserError
from mtl.learning.checkpoints import load_network_weights, read_checkpoint
from mtl.model.build import build_network
from mtl.model.network import Network
from mtl.runs.evaluate import evaluate
from mtl.runs.samples import KeptSamples
from mtl.runs.train import train

BASE = ["data=alternating", "backbone=plain", "augmentation=none", "batch_size=4"]
TRUST = ["training_kit"]
TRUSTED = "trust=[training_kit]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    conf = write_conf(tmp_path_factory.mktemp("conf"))
    folder = tmp_path_factory.mktemp("run")
    train(load([*BASE, "epochs=3", "lr=0.05", "monitor=val/loss"], conf), folder)
    return folder


def test_best_and_last(mtl, folder: Path) -> None:
    for name in ("best", "last"):
        result = mtl("eval", TRUSTED, f"run={folder}", "split=val", f"checkpoint={name}")
        assert (result.code, result.err) == (0, "")
        file = {"best": "val.json", "last": "val_last.json"}[name]
        written = json.loads((folder / "eval" / file).read_text())
        assert written["checkpoint"] == name
        saved = checkpoint(folder, name)["mtl"]["metrics"]
        assert written["metrics"] == {k: v for k, v in saved.items() if k.startswith("val/")}
        # As the training counted them.
        counts = json.loads((folder / "results.json").read_text())["labelled"]["val"]
        assert written["labelled"] == {"val": counts}
        rows = dict(line.split() for line in result.out.splitlines() if "/n " in line)
        assert rows == {f"{task}/n": str(count) for task, count in counts.items()}


def test_overrides_change_what_is_evaluated(mtl, folder: Path) -> None:
    """A task of which no chosen sample has a label has no metrics."""
    for limit in (1, 2, 3):
        result = mtl("eval", TRUSTED, f"run={folder}", f"data.limit={limit}")
        assert result.code == 0
        written = json.loads((folder / "eval" / "test.json").read_text())
        assert written["overrides"] == [f"data.limit={limit}"]
        source = build_data(
            open_run(folder, [f"data.limit={limit}"], trust=["training_kit"])
        ).required("test")
        assert len(source) == limit
        for task in ("a", "b"):
            labelled = any(task in source.read(index).targets for index in range(limit))
            assert (f"test/{task}/accuracy" in written["metrics"]) == labelled


def test_settings_of_several_processes_are_not_needed(folder: Path) -> None:
    """A run of many processes is evaluated in one."""
    cfg = open_run(folder, ["trainer.devices=8", "trainer.strategy=ddp"], trust=TRUST)
    assert evaluate(cfg, folder, "val") == evaluate(open_run(folder, trust=TRUST), folder, "val")
    assert cfg.trainer.devices == 8


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "run= is needed"),
        (("rn={folder}",), "unknown key 'rn'; did you mean run=?"),
        (("run=nowhere",), "run=nowhere: no such folder"),
        (("run={folder}", "split=train"), "split=train"),
        (("run={folder}", "checkpoint=first"), "checkpoint=first"),
        (("run={folder}", "batch_sise=3"), "unknown key 'batch_sise'"),
        (("run={folder}", "head@heads.a=box"), "a trained run keeps its head"),
        (("run={folder}", "ensemble=vote"), "a vote needs at least 2 decisions"),
        (("run={folder}", "ensemble.tta=[0,half]"), "ensemble.tta: half is no copy"),
        (("run={folder}", "runs=[{folder}]"), "write one of them"),
        (("runs=[{folder}]", "rotate=[0,90]"), "rotate= measures one run"),
        (("run={folder}", "rotate=[0,90]", "out=a.json"), "out= goes with a single file"),
        (("run={folder}", "rotate=[0,up]"), "up is no angle"),
    ],
)
def test_mistakes(mtl, folder: Path, arguments: tuple[str, ...], said: str) -> None:
    result = mtl("eval", TRUSTED, *(argument.format(folder=folder) for argument in arguments))
    assert result.code == 2
    assert said in result.err
    assert result.err.count("\n") == 1


def test_copies_of_a_run_that_was_trained_without(
    mtl, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each batch of a task is decided on once for each copy; the loss is that of the image."""
    calls = []
    decide = Network.decide
    monkeypatch.setattr(
        Network, "decide", lambda own, task, raw: (calls.append(task), decide(own, task, raw))[1]
    )
    plain = evaluate(open_run(folder, trust=TRUST), folder, "test")
    once = len(calls)
    for number, own in enumerate(([], ["ensemble=vote"])):
        calls.clear()
        arguments = [f"run={folder}", *own, "ensemble.tta=[0,90,180,270]", f"out={number}.json"]
        result = mtl("eval", TRUSTED, *arguments)
        assert (result.code, result.err) == (0, "")
        turned = json.loads((tmp_path / f"{number}.json").read_text())["metrics"]
        assert len(calls) == 4 * once
        assert turned["test/a/loss"] == plain["test/a/loss"]


def test_metrics_over_the_angle(mtl, folder: Path) -> None:
    result = mtl("eval", TRUSTED, f"run={folder}", "rotate=[0,90,...,270]")
    assert (result.code, result.err) == (0, "")
    assert result.out.split()[:4] == ["metric", "mean", "worst", "spread"]
    written = json.loads((folder / "eval" / "rotation_test.json").read_text())
    assert written["angles"] == [0, 90, 180, 270]
    upright = evaluate(open_run(folder, trust=TRUST), folder, "test")["test/a/accuracy"]
    assert written["metrics"]["test/a/accuracy"][0] == pytest.approx(upright)


def test_run_without_a_checkpoint(mtl, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text((folder / "config.yaml").read_text())
    result = mtl("eval", TRUSTED, f"run={tmp_path}")
    assert result.code == 2
    assert "best.ckpt doesn't exist: the run has not finished an epoch" in result.err


def test_checkpoint_that_is_cut_off_or_of_another_network(folder: Path, tmp_path: Path) -> None:
    whole = folder / "checkpoints" / "best.ckpt"
    cut = tmp_path / "cut.ckpt"
    cut.write_bytes(whole.read_bytes()[:2000])
    with pytest.raises(BadFile, match="can't be read as a checkpoint"):
        read_checkpoint(cut)
    with pytest.raises(UserError, match=r"no checkpoint at .*missing\.ckpt"):
        read_checkpoint(tmp_path / "missing.ckpt")
    cfg = open_run(folder, ["backbone=small_cnn"], trust=TRUST)
    network = build_network(cfg, build_data(cfg).targets)
    with pytest.raises(UserError, match=r"doesn't fit this configuration: .*Missing key") as caught:
        load_network_weights(network, whole)
    assert "\n" not in str(caught.value)


def test_samples_are_kept_of_a_run_that_kept_none(mtl, folder: Path) -> None:
    assert KeptSamples.load(folder, "val") is None
    result = mtl("eval", TRUSTED, f"run={folder}", "split=val", "samples=true", "batch_size=3")
    assert (result.code, result.err) == (0, "")
    kept = KeptSamples.load(folder, "val")
    assert kept is not None
    measured = json.loads((folder / "eval" / "val.json").read_text())["metrics"]
    for task in ("a", "b"):
        assert kept.score(task) == pytest.approx(measured[f"val/{task}/accuracy"])


@pytest.mark.parametrize(
    ("own", "named"),
    [
        ("checkpoint=last", "keeps what the run itself decides: leave out checkpoint=last"),
        ("ensemble.tta=[flip]", "keeps what the run itself decides: leave out ensemble.tta"),
        ("rotate=[0,90]", "goes with one run as it is: leave out rotate= and runs="),
    ],
)
def test_samples_of_something_else_are_refused(mtl, folder: Path, own: str, named: str) -> None:
    result = mtl("eval", TRUSTED, f"run={folder}", "samples=true", own)
    assert result.code == 2
    assert named in result.err
