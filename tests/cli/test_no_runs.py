"""Folders that are no runs, or not all of one: every command says so in one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from mtl.config import load
from mtl.config.saved import open_run
from mtl.errors import UserError

COMMANDS = (
    ("eval",),
    ("eval", "rotate=[0,90]"),
    ("predict", "input=photo.png"),
    ("calibrate",),
    ("export",),
    ("affinity",),
    ("channels",),
    ("rerun",),
    ("replay",),
    ("upgrade",),
)


def text() -> str:
    return OmegaConf.to_yaml(load(["tasks=[classification,box]"]))


def empty(folder: Path) -> None:
    pass


def only_a_log(folder: Path) -> None:
    (folder / "app.log").write_text("[2026][mtl.cli.job][INFO] mtl train\n")


def cut(folder: Path) -> None:
    (folder / "config.yaml").write_text(text()[: len(text()) // 2])


def without_a_group(folder: Path) -> None:
    cfg = load(["tasks=[classification,box]"]).copy()
    OmegaConf.set_struct(cfg, False)
    del cfg.weighting
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(cfg))


def without_a_key(folder: Path) -> None:
    (folder / "config.yaml").write_text(text().replace("monitor: val/score\ntest", "test"))


FOLDERS: dict[Callable[[Path], None], str] = {
    empty: "no config.yaml in it",
    only_a_log: "no config.yaml in it",
    cut: "config.yaml: ",
    without_a_group: "is not the configuration of a run, or not all of it",
    without_a_key: "is not the configuration of a run, or not all of it",
}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("make", FOLDERS, ids=lambda make: make.__name__)
def test_named_in_one_line(
    mtl: Any, tmp_path: Path, command: tuple[str, ...], make: Callable[[Path], None]
) -> None:
    (tmp_path / "photo.png").write_bytes(b"")
    folder = tmp_path / "folder"
    folder.mkdir()
    make(folder)
    result = mtl(*command, f"run={folder}")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert str(folder) in result.err
    assert FOLDERS[make] in result.err
    assert {p.name for p in folder.iterdir()} <= {"app.log", "config.yaml"}


@pytest.mark.parametrize("command", ["eval", "predict"])
def test_a_run_that_never_finished_an_epoch(mtl: Any, tmp_path: Path, command: str) -> None:
    """As a process leaves it that was killed: status running, and nobody there."""
    (tmp_path / "photo.png").write_bytes(b"")
    (tmp_path / "config.yaml").write_text(text())
    (tmp_path / "status.json").write_text('{"state": "running"}')
    more = ["input=photo.png"] if command == "predict" else []
    result = mtl(command, f"run={tmp_path}", *more)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "best.ckpt" in result.err


@pytest.mark.slow
def test_a_configuration_cut_anywhere(tmp_path: Path) -> None:
    whole = text()
    lines = [place for place, letter in enumerate(whole) if letter == "\n"]
    for place in [*lines[::25], *lines[-9:-1]]:
        (tmp_path / "config.yaml").write_text(whole[:place])
        with pytest.raises(UserError) as error:
            open_run(tmp_path)
        assert str(tmp_path) in str(error.value)
    (tmp_path / "config.yaml").write_text(whole)
    open_run(tmp_path)
