"""A run that is named by one of its files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_up_runs import config, write_run
from omegaconf import OmegaConf

from mtl.cli.named_runs import run_folder, run_folders
from mtl.cli.own_keys import own_keys
from mtl.config import load

FILES = ("results.json", "config.yaml", "checkpoints/best.ckpt")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Of one seed, with what else lies about."""
    folder = write_run(tmp_path / "run", config(0), {"box/iou": 0.5})
    (folder / "checkpoints").mkdir()
    for file in (folder / "checkpoints/best.ckpt", tmp_path / "notes.txt"):
        file.touch()
    return folder


@pytest.mark.parametrize("file", FILES)
def test_its_folder_is_meant(run: Path, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_folder(str(run / file)) == str(run)
    monkeypatch.chdir(run)
    assert run_folder(file) == "."
    own, others = own_keys(
        [f"run={file}", f"runs=[{run}, '{run}/{file}']", "lr=1"], ("run", "runs")
    )
    assert own == {"run": ".", "runs": f"[{run},{run}]"}
    assert others == ["lr=1"]


def test_all_else_stays_as_it_was_written(run: Path) -> None:
    for given in (str(run), f"{run.parent}/notes.txt", f"{run}/nothing.json", "", "a/*/b"):
        assert run_folder(given) == given
    given = f"[ {run} ,'{run.parent}/*']"
    assert run_folders(given) == given


@pytest.mark.parametrize("command", ["compare", "report"])
def test_commands_that_read_many_runs(
    mtl: Callable[..., Any], run: Path, command: str, without_charts: None
) -> None:
    result = mtl(command, "runs=[run/results.json]", "out=out")
    assert (result.code, result.err) == (0, "")
    assert "written to out/report.html" in result.out


def test_a_command_that_opens_a_run(mtl: Callable[..., Any], run: Path) -> None:
    (run / "config.yaml").write_text(OmegaConf.to_yaml(load(["tasks=[box]"])))
    for file in FILES:
        assert mtl("upgrade", f"run=run/{file}").out == "run: is of this version\n"


def test_a_file_of_no_run(mtl: Callable[..., Any], run: Path) -> None:
    for command in (("rerun", "run="), ("compare", "runs=")):
        result = mtl(command[0], f"{command[1]}notes.txt")
        assert (result.code, result.err.count("\n")) == (2, 1)
        assert "notes.txt: a file of no run" in result.err
