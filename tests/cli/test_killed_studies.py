"""Sweeps whose command is killed, and typed again."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import fresh
import pytest

from benchmarks import engines


@dataclass(frozen=True)
class Forked:
    """A process that needs not import anew what this one has."""

    started: fresh.Fresh

    @property
    def pid(self) -> int | None:
        return self.started.process.pid

    def poll(self) -> int | None:
        return self.started.code

    def kill(self) -> None:
        self.started.process.kill()


def study(own: Sequence[str]) -> None:
    """What is in a fork, whose jobs don't take long."""
    with patch.object(engines.PretendSweep, "seconds", 0.1):
        sys.exit(engines.main(own))


@pytest.mark.parametrize("sweep", ["joblib", "optuna"])
def test_nothing_is_lost_and_nothing_done_twice(tmp_path: Path, sweep: str) -> None:
    """Twelve jobs, one of which fails, and a kill after five; benchmarks/engines.py has others."""

    def begin(_: str, own: Sequence[str]) -> Forked:
        return Forked(fresh.start(study, own, cwd=tmp_path))

    # What joblib starts outlives it, and would hold open what says that a fork has ended.
    found = engines.studied(sweep, tmp_path, begin if sweep == "optuna" else engines.begun)
    assert (found["results"], found["twice"], found["lost"], found["code"]) == (11, 0, 0, 1)
