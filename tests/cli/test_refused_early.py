"""What files alone can answer is answered before what trains is imported, which takes seconds."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from made_up_runs import write_run
from omegaconf import OmegaConf

from mtl.config.load import load
from mtl.runs.lock import Lock

HERE = "hydra.run.dir=run"
CHECK = """
import sys
from mtl.cli.main import main
code = main(sys.argv[1:])
heavy = {"torch", "pytorch_lightning", "albumentations"} & set(sys.modules)
assert not heavy, heavy
sys.exit(code)
"""


@pytest.fixture(autouse=True)
def nothing_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mtl.runs.train", None)


@pytest.fixture(autouse=True)
def run(tmp_path: Path) -> Path:
    """A finished run of the defaults."""
    cfg: Any = OmegaConf.to_container(load(["epochs=3"]))
    return write_run(tmp_path / "run", cfg, {"box/iou": 0.5})


def test_a_finished_run_is_left_alone(mtl) -> None:
    result = mtl("train", "epochs=3", HERE)
    assert (result.code, result.err) == (0, "")
    assert result.out == "run holds this run, finished; nothing to do (see results.json)\n"


@pytest.mark.parametrize("more", [(), ("baselines=true",)])
def test_a_folder_of_other_settings_is_refused(mtl, more: tuple[str, ...]) -> None:
    result = mtl("train", "epochs=5", HERE, *more)
    assert (result.code, result.out) == (2, "")
    assert "holds a run with epochs=3, not 5" in result.err


def test_a_run_that_goes_on_elsewhere_is_refused(mtl, run: Path, monkeypatch) -> None:
    (run / "status.json").write_text('{"state": "running"}')
    monkeypatch.setattr("mtl.runs.folder.is_held", lambda path: path == run)
    Lock(run).sign()
    result = mtl("train", "epochs=3", HERE)
    assert result.code == 2
    assert "run is in use by a run that is going on now" in result.err


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("voc_folder", "empty has no folder JPEGImages"),
        ("image_folder", "empty has no folders"),
        ("coco", "empty has no json file of training annotations"),
        ("yolo", "empty has neither data.yaml nor classes.txt"),
        ("csv", "empty has no table"),
        ("folders", "empty has no folder of images"),
        (
            "mixed data@data.sets.a=coco data.sets.a.root=empty tasks=[detection]",
            "empty has no json",
        ),
    ],
)
def test_a_folder_of_other_data_is_refused_at_a_glance(mtl, data: str, said: str) -> None:
    """No run is left."""
    Path("empty").mkdir()
    name, *more = data.split()
    root = [] if more else ["data.root=empty"]
    result = mtl("train", f"data={name}", *root, *more, "hydra.run.dir=new")
    assert result.code == 2, result.err
    assert said in result.err
    assert not Path("new").exists()


@pytest.mark.parametrize(
    "command",
    [
        *("eval", "eval rotate=[0]", "calibrate", "channels", "export", "compress steps=[prune]"),
        "predict input=photo.png",
    ],
)
def test_a_checkpoint_that_is_not_there_yet(mtl, command: str) -> None:
    Path("photo.png").touch()
    name, *arguments = command.split()
    result = mtl(name, "run=run", *arguments)
    assert result.code == 2
    assert "best.ckpt doesn't exist: the run has not finished an epoch" in result.err


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (["train", "epochs=3", HERE], 0),
        (["train", "epochs=5", HERE], 2),
        (["eval", "run=run"], 2),
        (["predict", "run=run", "input=run/config.yaml"], 2),
        (["replay", "run=run"], 2),
        (["inspect", "split=all"], 2),
    ],
)
@pytest.mark.slow
def test_torch_is_not_imported(tmp_path: Path, line: list[str], code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHECK, *line],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
