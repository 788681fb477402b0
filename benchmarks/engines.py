"""Every engine of sweeps with twelve jobs that only pretend, one of which fails, and a kill.

    python -m benchmarks.engines grid joblib slurm ray optuna optuna_joblib

runs the command, kills it with SIGKILL once five jobs have finished, and runs it again. Each job
leaves a line in ``ends.txt`` when it comes to its end, so that none goes unseen that ran twice.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import ClassVar, Protocol
from unittest.mock import patch

from omegaconf import DictConfig, OmegaConf

from mtl.cli.sweeps.job import Sweep
from mtl.errors import InUse, RunError
from mtl.files import write_json, write_whole
from mtl.runs.lock import Lock

THIS = "benchmarks.engines"
JOBS = 12
ON_REQUEST = "fails on request"
EARLY = 5
"""Jobs after whose end the command is killed."""
ENDS = "ends.txt"
"""Beside the sweep's folder: a line for each job that came to its end."""
PERIOD = 0.02
"""Seconds from one look at that to the next."""
OWN = {
    "slurm": ["sweep.cluster=local", "sweep.jobs=2", "sweep.gpus=0"],
    "ray": ["sweep.options={num_cpus: 2, object_store_memory: 100000000}"],
}
"""What an engine is told to run on this machine."""


class PretendSweep(Sweep):
    """Jobs that leave a run's folder without training."""

    failing: ClassVar[Collection[int]] = (7,)
    """Seeds of those that fail."""
    seconds: ClassVar[float] = 0.4
    """That each takes."""

    def train(self, cfg: DictConfig, folder: Path) -> dict[str, float]:
        """Nothing for a while."""
        lock = Lock(folder)
        if not lock.take():
            raise InUse(f"{folder} is in use")
        try:
            return self.pretend(cfg, folder)
        finally:
            lock.release()

    def pretend(self, cfg: DictConfig, folder: Path) -> dict[str, float]:
        """What a run leaves, after a while."""
        metrics = {"val/score": float(cfg.seed) / JOBS}
        if (folder / "results.json").exists():
            return metrics
        write_whole(folder / "config.yaml", OmegaConf.to_yaml(cfg).encode())
        time.sleep(self.seconds)
        if cfg.seed in self.failing:
            write_json(folder / "status.json", {"state": "failed", "error": ON_REQUEST})
            raise RunError(ON_REQUEST)
        write_json(folder / "results.json", {"metrics": metrics})
        write_json(folder / "status.json", {"state": "finished"})
        note_end(folder)
        return metrics


def note_end(folder: Path) -> None:
    """Leave word that a job came to its end."""
    with (folder.parents[1] / ENDS).open("a") as file:
        file.write(f"{folder.name}\n")


def typed(sweep: str, folder: Path) -> list[str]:
    """What this module is started with in a process of its own, for the study."""
    values = f"seed={'choice' if 'optuna' in sweep else 'range'}"
    values += f"({','.join(map(str, range(JOBS)))})" if "optuna" in sweep else f"({JOBS})"
    own = ["sweep.sampler=grid", f"sweep.trials={JOBS}"] if "optuna" in sweep else []
    place = f"hydra.sweep.dir={folder}/study"
    return ["--run", f"sweep={sweep}", values, place, *own, *OWN.get(sweep, [])]


class Process(Protocol):
    """What runs a sweep's command."""

    @property
    def pid(self) -> int | None:
        """Its number."""

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""

    def kill(self) -> None:
        """End it with SIGKILL."""


def begun(module: str, own: Sequence[str], stderr: int | None = None) -> Process:
    """Start a module with arguments; ``stderr`` as ``Popen`` has it."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    start = [sys.executable, "-m", module, *own]
    return subprocess.Popen(start, env=environment, stdout=subprocess.DEVNULL, stderr=stderr)


def ended(
    running: Process,
    kill: Callable[[], bool] = lambda: False,
    look: Callable[[int], None] = lambda process: None,
) -> int:
    """Wait for a sweep's command to come to its end, or until it is to be killed.

    Args:
        running: the command.
        kill: whether to kill it now.
        look: called all the while, with the number of the process.

    Returns:
        Its exit code.
    """
    while (code := running.poll()) is None:
        if running.pid is not None:
            look(running.pid)
        if kill():
            running.kill()
        time.sleep(PERIOD)
    return code


def studied(
    sweep: str, folder: Path, begin: Callable[[str, Sequence[str]], Process] = begun
) -> dict[str, int]:
    """Run the study, kill it, run it again.

    Args:
        sweep: the engine's name.
        folder: of the study.
        begin: starts a module with arguments.

    Returns:
        ``results``, ``twice``, ``lost``, ``code`` (of the second start), ``killed_after``.
    """
    ends = folder / ENDS
    ended(begin(THIS, typed(sweep, folder)), kill=lambda: len(lines(ends)) >= EARLY)
    killed_after = len(lines(ends))
    code = ended(begin(THIS, typed(sweep, folder)))
    there = {file.parent.name for file in folder.glob("study/*/results.json")}
    return {
        "results": len(there),
        "twice": twice(ends),
        "lost": JOBS - 1 - len(there),
        "code": code,
        "killed_after": killed_after,
    }


def lines(file: Path) -> list[str]:
    """Of a file that may not be there yet."""
    return file.read_text().splitlines() if file.exists() else []


def twice(ends: Path) -> int:
    """How many jobs came to their ends more than once."""
    return sum(count > 1 for count in Counter(lines(ends)).values())


def run(overrides: Sequence[str], sweep: type[Sweep] = PretendSweep) -> int:
    """``mtl train -m`` whose jobs only pretend."""
    from mtl.cli.main import main as mtl

    with ExitStack() as patched:
        patched.enter_context(patch("mtl.cli.sweeps.plan.Sweep", sweep))
        patched.enter_context(patch("mtl.cli.sweeps.command.show_sweep"))
        if any(override.startswith("sweep=optuna") for override in overrides):
            # What is imported for pictures takes as long as the jobs.
            patched.enter_context(patch("mtl.cli.sweeps.search.found.draw", return_value=[]))
        return mtl(["train", "-m", *overrides])


def main(arguments: Sequence[str]) -> int:
    """Study the engines that are named."""
    if arguments[:1] == ["--run"]:
        # Not __main__, which the other processes don't have.
        return import_module(THIS).run(arguments[1:])
    for sweep in arguments:
        with tempfile.TemporaryDirectory() as folder:
            print(sweep, json.dumps(studied(sweep, Path(folder))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
