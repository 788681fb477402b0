"""Wrong command lines: exit code 2 and one line that names the thing and says what is allowed."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_up_runs import write_run
from omegaconf import OmegaConf
from wrong_commands import WRONG

from mtl.config.load import load
from mtl.files import write_json

LONGEST = 480
"""Letters of an answer: six lines of a terminal."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See ``wrong_commands.py``."""
    root = tmp_path_factory.mktemp("mistakes")
    for name, tasks, seed in (
        ("a", "classification,box", 0),
        ("b", "classification,box", 1),
        ("one", "box", 0),
    ):
        cfg: Any = OmegaConf.to_container(load([f"tasks=[{tasks}]", f"seed={seed}"]))
        write_run(root / "runs" / name, cfg, {"box/iou": 0.5})
    write_json(root / "sweeps" / "s" / "sweep.json", {"jobs": 1, "names": ["x"]})
    for name in ("empty", "photos"):
        (root / name).mkdir()
    (root / "photos" / "p.png").write_bytes(b"no picture")
    (root / "note.txt").write_text("a note\n")
    return root


def test_there_are_enough_and_none_twice() -> None:
    commands = [line for line, *_ in WRONG]
    assert len(set(commands)) == len(commands) >= 100


@pytest.mark.parametrize("row", WRONG, ids=[line for line, *_ in WRONG])
def test_mistake_is_answered_in_one_line(
    row: tuple[str, ...],
    place: Path,
    mtl: Callable[..., Any],
    stub_train: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line, *words = row
    monkeypatch.chdir(place)
    result = mtl(*shlex.split(line))
    assert result.code == 2, result.out
    assert result.out == ""
    assert result.err.startswith("mtl: ")
    assert result.err.count("\n") == 1
    assert len(result.err) < LONGEST
    for text in words:
        assert text in result.err
    assert stub_train.calls == []


CHECK = """
import sys
from mtl.cli.main import main
code = main(sys.argv[1:])
heavy = {"torch", "pytorch_lightning", "albumentations", "cv2", "numpy"} & set(sys.modules)
assert not heavy, heavy
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["train", "epohcs=3"], 2),
        (["train", "--help"], 0),
        (["train", "--cfg", "job"], 0),
        (["ls", "backbone"], 0),
        (["-sc", "install=bash"], 0),
    ],
)
def test_nothing_heavy_is_imported(tmp_path, arguments, code):
    # A stale setting of Hydra's must not bring tracebacks back.
    env = {**os.environ, "HYDRA_FULL_ERROR": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CHECK, *arguments],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
