"""What of the code's state is kept with a run."""

import json
import subprocess
from pathlib import Path

import pytest

from mtl import __version__
from mtl.runs.environment import Changes, uncommitted, write_environment


def git(*arguments: str) -> str:
    own = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *own, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    code = tmp_path / "code"
    (code / "deeper").mkdir(parents=True)
    monkeypatch.chdir(code)
    git("init", "-q")
    (code / "a.py").write_text("one\n")
    git("add", ".")
    git("commit", "-qm", "first")
    return code


def environment(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "environment.json").read_text())
    return found


def test_a_dirty_tree_leaves_its_difference(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    assert uncommitted() == Changes(dirty=False, diff=b"")
    (repository / "a.py").write_text("two\n")
    (repository / "new.py").write_text("not tracked\n")
    monkeypatch.chdir(repository / "deeper")
    write_environment(tmp_path / "run")
    kept = (tmp_path / "run" / "uncommitted.diff").read_text()
    assert "\n-one\n+two\n" in kept
    assert "not tracked" not in kept
    said = environment(tmp_path / "run")
    assert (said["dirty"], said["commit"]) == (True, git("rev-parse", "HEAD"))
    assert said["mtl"] == __version__
    git("checkout", "-q", "--", str(repository))
    write_environment(tmp_path / "run")
    assert environment(tmp_path / "run")["dirty"] is False
    assert not (tmp_path / "run" / "uncommitted.diff").exists()


def test_a_large_difference_is_not_kept(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "a.py").write_text("two\n" * 400_000)
    assert uncommitted() == Changes(dirty=True, too_large=True)
    write_environment(tmp_path)
    assert environment(tmp_path)["diff"] == "larger than 1000000 bytes, not kept"
    assert not (tmp_path / "uncommitted.diff").exists()


def test_without_a_repository_or_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert uncommitted() == Changes(None)
    monkeypatch.setenv("PATH", "")
    assert uncommitted() == Changes(None)
    write_environment(tmp_path)
    assert environment(tmp_path)["dirty"] is None
