"""The watch over the processes that Lightning starts."""

import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning.strategies.launchers import _SubprocessScriptLauncher

from mtl.learning import rank_watch
from mtl.learning.rank_watch import end_soon, how_it_ended, watch_ranks

SLEEPS = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said, and the exit code that would end this process."""
    heard: list[str] = []
    monkeypatch.setattr(rank_watch, "EVERY", 0.01)
    monkeypatch.setattr(rank_watch, "PATIENCE", 0.0)
    monkeypatch.setattr(rank_watch.os, "_exit", lambda code: heard.append(f"exit {code}"))
    return heard


def wait_for(heard: list[str], count: int) -> None:
    for _ in range(1000):
        if len(heard) == count:
            return
        time.sleep(0.01)


def test_the_first_process_ends_with_one_that_it_started(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    launcher = _SubprocessScriptLauncher(LightningEnvironment(), num_processes=3, num_nodes=1)

    def start() -> None:
        launcher.procs = [subprocess.Popen(SLEEPS) for _ in range(2)]

    monkeypatch.setattr(launcher, "_call_children_scripts", start)
    trainer: Any = SimpleNamespace(strategy=SimpleNamespace(launcher=launcher))
    watch_ranks(trainer, said.append)
    assert launcher.launch(lambda number: number + 1, 2, trainer=trainer) == 3
    launcher.procs[1].kill()
    wait_for(said, 2)
    assert said == ["was killed (SIGKILL)", "exit 1"]
    assert launcher.procs[0].wait(10) == -9


def test_those_that_were_started_end_with_the_first(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    environment = LightningEnvironment()
    launcher = _SubprocessScriptLauncher(environment, num_processes=2, num_nodes=1)
    parents = iter([7, 7, 7, 1])
    monkeypatch.setattr(rank_watch.os, "getppid", lambda: next(parents, 1))
    strategy = SimpleNamespace(launcher=launcher, cluster_environment=environment)
    trainer: Any = SimpleNamespace(strategy=strategy)
    watch_ranks(trainer, said.append)
    wait_for(said, 2)
    assert said == ["has ended", "exit 1"]


def test_a_trainer_of_one_process_needs_no_watch(said: list[str]) -> None:
    trainer: Any = SimpleNamespace(strategy=SimpleNamespace(launcher=None))
    watch_ranks(trainer, said.append)
    assert said == []


def test_who_has_lost_another_ends(said: list[str]) -> None:
    end_soon()
    wait_for(said, 1)
    assert said == ["exit 1"]


@pytest.mark.parametrize(
    ("code", "words"), [(-9, "was killed (SIGKILL)"), (3, "ended with code 3")]
)
def test_how_it_ended(code: int, words: str) -> None:
    assert how_it_ended(code) == words
