"""``mtl eval runs=[...]``: what separately trained runs decide together."""

import io
import json
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from rich.console import Console
from torch import Tensor
from training_kit import write_conf

from mtl.cli.ensemble_table import short_names, show_runs
from mtl.cli.evaluate import equivariance
from mtl.cli.run_list import run_list
from mtl.config.load import load
from mtl.config.saved import open_run
from mtl.data.batch import Labelled
from mtl.data.build import build_data
from mtl.errors import UserError
from mtl.model.head.classification import ClassificationMetrics
from mtl.runs.agreement import check_agreement
from mtl.runs.evaluate import evaluate
from mtl.runs.evaluate_runs import RunsResult
from mtl.runs.prediction.predictor import Predictor
from mtl.runs.train import train

BASE = [
    "data=alternating",
    "backbone=plain",
    "augmentation=none",
    "batch_size=4",
    "epochs=1",
    "lr=1.0e-5",
    "monitor=val/loss",
    "test=false",
    "callbacks.figures.enabled=false",
]
OWN = {
    "a": ["seed=1"],
    "b": ["seed=2", "preprocess.mean=[0.2,0.3,0.4]", "preprocess.std=[0.3,0.3,0.3]"],
    "c": ["seed=3", "backbone=small_cnn", "backbone.width=4", "tasks=[b,a]"],
    "only_a": ["tasks=[a]"],
    "large": ["image_size=24"],
}
TRUST = ["training_kit"]
TRUSTED = "trust=[training_kit]"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    conf = write_conf(tmp_path_factory.mktemp("conf"))
    root = tmp_path_factory.mktemp("runs")
    for name, own in OWN.items():
        train(load([*BASE, *own], conf), root / name)
    return root


@pytest.fixture(scope="module")
def decided(root: Path) -> list[tuple[list[Tensor], Labelled]]:
    """For each batch of val what a, b and c say of task a by themselves, and the labels."""
    predictors = [Predictor.open(root / name, device="cpu", trust=TRUST) for name in "abc"]
    found = []
    for batch in build_data(open_run(root / "a", trust=TRUST)).loader("val"):
        labels = batch.targets.get("a")
        if labels is not None:
            images = batch.image[labels.index]
            each = [p.network.predict(p.normalise(images))["a"] for p in predictors]
            found.append((each, labels))
    return found


def written(path: Path) -> dict:
    return json.loads(path.read_text())


def test_each_run_beside_all_of_them(mtl, root: Path, tmp_path: Path) -> None:
    """Runs by themselves score as in their own evaluation, with their own normalisation."""
    result = mtl("eval", TRUSTED, f"runs=[{root}/a,{root}/b,{root}/c]")
    assert (result.code, result.err) == (0, "")
    content = written(tmp_path / "outputs" / "eval" / "mean_test.json")
    assert content["tasks"] == ["a", "b"]
    assert content["ensemble"] == {"name": "mean"}
    for name in "abc":
        folder = root / name
        alone = evaluate(open_run(folder, trust=TRUST), folder, "test")
        ours = content["runs"][str(folder)]
        assert ours == pytest.approx({k: v for k, v in alone.items() if "loss" not in k})
    # Of ten, each fifth is labelled for nothing and the others for a and b in turns.
    assert content["labelled"] == {"test": {"a": 4, "b": 4}}
    header, *rows = result.out.splitlines()
    assert header.split() == ["metric", "a", "b", "c", "mean"]
    cells = next(row for row in rows if row.startswith("test/a/auroc")).split()
    assert cells[-1] == f"{content['metrics']['test/a/auroc']:.4f}"
    assert len({run["test/a/auroc"] for run in content["runs"].values()}) > 1
    assert rows[-2] == "labelled test samples: a 4, b 4"
    assert rows[-1] == "written to outputs/eval/mean_test.json"


@pytest.mark.parametrize(
    ("arguments", "combine"),
    [
        (("ensemble=mean",), lambda p: sum(p) / 3),
        (
            ("ensemble=weighted", "ensemble.weights=[0.2,0.3,0.5]"),
            lambda p: 0.2 * p[0] + 0.3 * p[1] + 0.5 * p[2],
        ),
        (
            ("ensemble=vote",),
            lambda p: (
                0.99 * sum(torch.nn.functional.one_hot(q.argmax(1), 3) for q in p) / 3
                + 0.01 * sum(p) / 3
            ),
        ),
    ],
)
def test_metrics_are_those_of_the_combined_probabilities(
    mtl, root: Path, decided, tmp_path: Path, arguments: tuple[str, ...], combine
) -> None:
    runs = ",".join(str(root / name) for name in "abc")
    result = mtl("eval", TRUSTED, *arguments, f"runs=[{runs}]", "split=val", "out=e.json")
    assert (result.code, result.err) == (0, "")
    found = written(tmp_path / "e.json")["metrics"]
    metrics = ClassificationMetrics(("x", "y", "z"), ("accuracy", "auroc"), per_class=False)
    for decisions, labels in decided:
        metrics.update(combine(decisions), labels)
    for name, value in metrics.compute().items():
        assert found[f"val/a/{name}"] == pytest.approx(float(value))


def test_copies_and_data_settings_go_to_every_run(mtl, root: Path, tmp_path: Path) -> None:
    runs = f"runs=[{root}/a,{root}/b]"
    result = mtl("eval", TRUSTED, runs, "ensemble.tta=[0,180]", "data.limit=6", "out=e.json")
    assert (result.code, result.err) == (0, "")
    content = written(tmp_path / "e.json")
    own = ["ensemble.tta=[0,180]", "data.limit=6"]
    alone = evaluate(open_run(root / "a", own, trust=TRUST), root / "a", "test")
    assert content["runs"][str(root / "a")]["test/a/auroc"] == pytest.approx(alone["test/a/auroc"])
    assert content["overrides"] == own


def test_tasks_that_a_run_lacks_are_left_out(mtl, root: Path, tmp_path: Path) -> None:
    result = mtl("eval", TRUSTED, f"runs=[{root}/a,{root}/only_a]", "out=e.json")
    assert result.code == 0
    assert result.out.startswith(f"task b is left out: not in {root}/only_a\n")
    content = written(tmp_path / "e.json")
    assert content["tasks"] == ["a"]
    assert not any("/b/" in name for name in content["metrics"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("runs=[{root}/a]",), "names 1 run; an ensemble needs 2 or more"),
        (("runs=[{root}/a,{root}/a]",), "a is there twice"),
        (("runs=[{root}/a,{root}/nowhere]",), "nowhere: no such folder"),
        (("runs=[{root}/x*]",), "x*: no run's folder matches"),
        (("runs=[{root}/a,{root}/large]",), "large has image_size=24, "),
        (("runs=[{root}/a,{root}/b]", "ensemble=learned"), "ensemble=learned: can't combine"),
        (("runs=[{root}/a,{root}/b]", "ensemble=parts"), "ensemble=parts: can't combine"),
        (("runs=[{root}/a,{root}/b]", "ensemble=mode"), "no ensemble 'mode'"),
        (("runs=[{root}/a,{root}/b]", "ensemble=weighted"), "ensemble.weights is needed"),
        (
            ("runs=[{root}/a,{root}/b]", "ensemble=weighted", "ensemble.weights=[0.2,0.3,0.5]"),
            "3 weights for 2 decisions",
        ),
        (("runs=[{root}/a,{root}/b]", "ensemble.wieghts=[1]"), "unknown key 'ensemble.wieghts'"),
        (("runs=[{root}/a,{root}/b]", "split=train"), "split=train"),
    ],
)
def test_mistakes(mtl, root: Path, arguments: tuple[str, ...], said: str) -> None:
    result = mtl("eval", TRUSTED, *(argument.format(root=root) for argument in arguments))
    assert result.code == 2
    assert said in result.err
    assert result.err.count("\n") == 1


def test_runs_that_do_not_agree(root: Path) -> None:
    cfg = open_run(root / "a", trust=TRUST)
    for key, value in (
        ("data.test", 11),
        ("heads.b.target", "a"),
        ("preprocess.fit", "letterbox"),
        ("image_size", 24),
    ):
        other = cfg.copy()
        OmegaConf.update(other, key, value)
        with pytest.raises(UserError) as caught:
            check_agreement([(Path("x"), cfg), (Path("y"), other)], ["a", "b"])
        said = str(caught.value)
        assert said.startswith(f"runs: y has {key}={value}, x has ")
        assert ("sets it for all" in said) == key.startswith("data.")
    own = cfg.copy()
    own.preprocess.mean, own.data.workers, own.lr = [0.1, 0.1, 0.1], 3, 1.0
    check_agreement([(Path("x"), cfg), (Path("y"), own)], ["a", "b"])


def test_globs_are_sorted_and_find_only_runs(root: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("r2", "r1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").touch()
    assert run_list(f"[{tmp_path}/*, '{root}/a']") == [tmp_path / "r1", tmp_path / "r2", root / "a"]
    assert run_list(f"{tmp_path}/r1") == [tmp_path / "r1"]
    with pytest.raises(UserError, match="no run's folder matches"):
        run_list(f"[{tmp_path}/empt*]")


def test_names_are_as_short_as_can_be() -> None:
    assert short_names(["x/a", "x/b"]) == ["a", "b"]
    assert short_names(["x/0", "y/0"]) == ["x/0", "y/0"]


@pytest.mark.parametrize("width", [80, 60, 1000])
def test_no_metric_and_no_number_is_cut_whatever_the_width(width: int) -> None:
    runs = {
        f"outputs/sweeps/shapes/backbone-resnet{n}_seed-0": {
            "test/classification/balanced_accuracy": n / 8,
            "test/detection/map": 0.5,
        }
        for n in range(6)
    }
    together = {"test/classification/balanced_accuracy": 0.9999, "test/detection/map": 0.7}
    file = io.StringIO()
    console = Console(file=file, width=width, highlight=False)
    show_runs(RunsResult(["classification"], {}, together, runs, {}), "vote", console)
    said = file.getvalue()
    assert "…" not in said
    lines = said.splitlines()
    tables = [line for line in lines if ": " not in line]
    assert max(map(len, tables)) <= width
    found = [line.split()[1:] for line in tables if line.startswith("test/classification/bal")]
    assert [number for row in found for number in row] == [
        *(f"{n / 8:.4f}" for n in range(6)),
        "0.9999",
    ]
    head = [word for line in tables if line.startswith("metric") for word in line.split()[1:]]
    if width == 1000:
        assert head == [*(f"backbone-resnet{n}_seed-0" for n in range(6)), "vote"]
        assert tables == lines
    else:
        assert head == [*"123456", "vote"]
        assert lines[-6:] == [f"{n}: {path}" for n, path in enumerate(runs, 1)]


@pytest.mark.parametrize("width", [60, 80])
def test_large_numbers_stay_whole(width: int) -> None:
    runs = {f"runs/{n}": {"test/box/mse": 12345.6789 + n, "test/box/iou": 0.5} for n in range(6)}
    file = io.StringIO()
    console = Console(file=file, width=width, highlight=False)
    show_runs(RunsResult(["box"], {}, {"test/box/mse": 9999.5}, runs, {}), "mean", console)
    said = file.getvalue()
    assert "…" not in said
    assert [f"{12345.6789 + n:.4f}" in said for n in range(6)] == [True] * 6
    assert "9999.5000" in said
    assert max(map(len, said.splitlines())) <= width


def test_features_that_tasks_share_have_one_error() -> None:
    assert equivariance({"a": [0.0, 0.1], "b": [0.0, 0.1]}) == {"equivariance error": [0.0, 0.1]}
    assert equivariance({"a": [0.1], "b": [0.2], "c": [0.1]}) == {
        "a, c equivariance error": [0.1],
        "b equivariance error": [0.2],
    }
