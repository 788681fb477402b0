"""``mtl calibrate``, and the commands that use what it leaves."""

import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_kit import SMALL, made_up_run, photograph
from omegaconf import OmegaConf
from PIL import Image

from mtl.cli.calibrate import run as calibrate
from mtl.config.load import load
from mtl.data.build import build_data
from mtl.errors import UserError
from mtl.model.calibration.values import TaskCalibration
from mtl.runs.calibration.file import FILE
from mtl.runs.calibration.use import calibrate_network
from mtl.runs.opened import open_run

pytestmark = pytest.mark.slow
OWN: dict[str, dict[str, Any]] = {
    "classification": {"temperature": 2.0, "thresholds": {}},
    "multilabel": {"temperature": 2.0, "thresholds": {"circle": 0.01, "square": 0.99}},
    "detection": {"temperature": 1.0, "thresholds": {"circle": 0.06}},
    "segmentation": {"temperature": 2.0, "thresholds": {}},
}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run with random weights that has been calibrated, and what was said."""
    data = build_data(load(SMALL))
    data.prepare_data()
    folder = made_up_run(tmp_path_factory.mktemp("run"), "data.val=12", targets=data.targets)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert calibrate([f"run={folder}"]) == 0
    (folder / "found.json").write_text((folder / FILE).read_text())
    return folder, out.getvalue()


@pytest.fixture
def trained(fresh: tuple[Path, str]) -> Path:
    """The same run, calibrated with numbers of the test's own."""
    folder, _ = fresh
    change(folder, OWN)
    return folder


def change(folder: Path, tasks: dict[str, Any]) -> None:
    content = json.loads((folder / FILE).read_text())
    (folder / FILE).write_text(json.dumps(content | {"tasks": tasks}))


def halved(probabilities: np.ndarray, axis: int) -> np.ndarray:
    """At temperature 2: square roots, with sum 1 again."""
    roots = np.sqrt(probabilities)
    return np.asarray(roots / roots.sum(axis, keepdims=True))


def test_what_is_said_and_written(fresh: tuple[Path, str]) -> None:
    folder, said = fresh
    assert "box is passed over: nothing to calibrate" in said
    assert "detection: thresholds only; its score is no sigmoid of a logit" in said
    assert said.splitlines()[1].split() == ["task", "temperature", "ECE", "NLL", "decisions"]
    tables = [line for line in said.splitlines() if re.search(r"\d\.\d{4}", line)]
    assert len(tables) == 3 + 6 + 6
    assert max(map(len, tables)) <= 80
    pictures = {path.name for path in (folder / "figures").iterdir()}
    assert pictures == {
        f"calibration_{task}.png" for task in ("classification", "multilabel", "segmentation")
    }
    content = json.loads((folder / "found.json").read_text())
    assert content["by"] == "f1"
    assert content["tasks"].keys() == OWN.keys()
    assert content["tasks"]["classification"]["decisions"] == 12
    classes = [row["name"] for row in content["tasks"]["multilabel"]["classes"]]
    assert classes == [row["name"] for row in content["tasks"]["detection"]["classes"]]


def test_predictions_in_python(trained: Path) -> None:
    image = photograph(40, 60)
    (plain,) = open_run(trained, calibrated=False, device="cpu").predict([image])
    (found,) = open_run(trained, device="cpu").predict([image])
    before, after = (
        np.array(list(one["classification"]["probabilities"].values())) for one in (plain, found)
    )
    np.testing.assert_allclose(after, halved(before, 0), rtol=1e-4)
    assert found["classification"]["label"] == plain["classification"]["label"]
    assert "circle" in found["multilabel"]["labels"]
    assert "square" not in found["multilabel"]["labels"]
    assert (found["segmentation"]["mask"] == plain["segmentation"]["mask"]).all()
    assert found["detection"] == plain["detection"]


def test_predictions_on_the_command_line(mtl, trained: Path, tmp_path: Path) -> None:
    Image.fromarray(photograph(40, 60)).save(tmp_path / "a.png")
    arguments = ("predict", f"run={trained}", "input=a.png", "out=out", "device=cpu")
    result = mtl(*arguments)
    assert result.code == 0, result.err
    words = "temperature of classification, multilabel, segmentation; thresholds of multilabel"
    assert f"calibrated: {words}, detection (calibrated=false leaves that out)" in result.out
    assert json.loads((tmp_path / "out/predictions.json").read_text())["calibration"] == OWN
    other = mtl(*arguments, "calibrated=false")
    assert (other.code, "calibrated:" in other.out) == (2, False)
    assert "holds predictions with another calibration; choose another out=" in other.err


def test_of_other_settings_it_is_left_aside(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network, file = open_run(trained, calibrated=False).network, trained / "checkpoints/best.ckpt"
    other = open_run(trained, ["image_size=64"]).config
    assert calibrate_network(network, other, trained, file) is None
    reason = f"{trained / FILE} is of another checkpoint or of other settings"
    assert capsys.readouterr().out == f"not calibrated: {reason}\n"
    with pytest.raises(UserError, match="of other settings; write: mtl calibrate run="):
        calibrate_network(network, other, trained, file, asked=True)
    (trained / FILE).rename(trained / "aside")
    assert calibrate_network(network, other, trained, file) is None
    with pytest.raises(UserError, match="calibrated=true: there is no "):
        calibrate_network(network, other, trained, file, asked=True)
    (trained / "aside").rename(trained / FILE)
    assert all(head.calibration == TaskCalibration() for head in network.heads.values())


def test_what_does_not_fit_the_run_is_refused(trained: Path) -> None:
    opened = open_run(trained, calibrated=False)
    for task, thresholds, said in (
        ("pose", {}, "the run has no task 'pose'"),
        ("box", {}, "box has nothing to calibrate"),
        ("classification", {"circle": 0.5}, "classification decides nothing by thresholds"),
        ("detection", {"cat": 0.5}, "detection has no class cat"),
    ):
        change(trained, {task: {"temperature": 1.5, "thresholds": thresholds}})
        with pytest.raises(UserError, match=f"{FILE}: {said}; write: mtl calibrate run="):
            calibrate_network(
                opened.network, opened.config, trained, trained / "checkpoints/best.ckpt"
            )


def test_evaluations_only_where_asked_for(mtl, trained: Path) -> None:
    """On the same samples they give what has been found."""
    change(trained, (found := json.loads((trained / "found.json").read_text())["tasks"]))
    result = mtl("eval", f"run={trained}", "split=val", "calibrated=true")
    assert result.code == 0, result.err
    metrics = json.loads((trained / "eval/val_calibrated.json").read_text())["metrics"]
    f1 = [row["f1"] for row in found["multilabel"]["classes"] if row["f1"] is not None]
    assert metrics["val/multilabel/f1"] == pytest.approx(np.mean(f1))
    curves = json.loads((trained / "eval/curves_val_calibrated.json").read_text())
    for task in ("classification", "multilabel", "segmentation"):
        ece = curves[task]["calibration"]["ece"]
        assert ece == pytest.approx(found[task]["ece"][1], abs=1e-6)
    both = mtl("eval", f"run={trained}", "calibrated=true", "samples=true")
    assert "keeps what the run itself decides: leave out calibrated=true" in both.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["by=recall"], "by=recall: choose one of f1"),
        (["by=f1", "precision=0.9"], "by=f1 and precision=0.9: write one of them"),
        (["precision=1.5"], "precision=1.5: must be a number above 0, up to 1"),
        (["precision=high"], "precision=high: must be a number above 0, up to 1"),
        (["split=train"], "split=train: choose one of val, test"),
        (["precison=0.9"], "unknown key 'precison'; did you mean precision=?"),
    ],
)
def test_mistakes(mtl, tmp_path: Path, arguments: list[str], said: str) -> None:
    OmegaConf.save(load(["tasks=[classification]"]), tmp_path / "config.yaml")
    result = mtl("calibrate", f"run={tmp_path}", *arguments)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert said in result.err
