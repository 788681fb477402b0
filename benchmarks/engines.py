"""Every engine of sweeps with twelve jobs that only pretend, one of which fails, and a kill.

    python -m benchmarks.engines grid joblib slurm ray optuna

runs the command, kills it with SIGKILL once five jobs have finished, and runs it again. Each job
leaves a line in ``ends.txt`` when it comes to its end, so that none goes unseen that ran twice.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

from omegaconf import DictConfig, OmegaConf

from mtl.cli.sweeps.job import Sweep
from mtl.errors import InUse, RunError
from mtl.files import write_json, write_whole
from mtl.runs.lock import Lock

JOBS = 12
FAILS = "seed-7"
SECONDS = 0.4
"""That each job takes."""
EARLY = 5
"""Jobs after whose end the command is killed."""
OWN = {
    "slurm": ["sweep.cluster=local", "sweep.jobs=2", "sweep.gpus=0"],
}
"""What an engine is told to run on this machine."""


class PretendSweep(Sweep):
    """Jobs that leave a run's folder without training."""

    def train(self, cfg: DictConfig, folder: Path) -> dict[str, float]:
        """Nothing for a while."""
        lock = Lock(folder)
        if not lock.take():
            raise InUse(f"{folder} is in use")
        metrics = {"val/score": float(cfg.seed) / JOBS}
        if not (folder / "results.json").exists():
            write_whole(folder / "config.yaml", OmegaConf.to_yaml(cfg).encode())
            time.sleep(SECONDS)
            if folder.name == FAILS:
                raise RunError("fails on request")
            write_json(folder / "results.json", {"metrics": metrics})
            write_json(folder / "status.json", {"state": "finished"})
            with (folder.parents[1] / "ends.txt").open("a") as file:
                file.write(f"{folder.name}\n")
        lock.release()
        return metrics


def command(sweep: str, folder: Path) -> list[str]:
    """The study's command, in a process of its own."""
    values = f"seed={'choice' if 'optuna' in sweep else 'range'}"
    values += f"({','.join(map(str, range(JOBS)))})" if "optuna" in sweep else f"({JOBS})"
    own = ["sweep.sampler=grid", f"sweep.trials={JOBS}"] if "optuna" in sweep else []
    place = f"hydra.sweep.dir={folder}/study"
    start = [sys.executable, "-m", "benchmarks.engines", "--run"]
    return [*start, f"sweep={sweep}", values, place, *own, *OWN.get(sweep, [])]


def studied(sweep: str, folder: Path) -> dict[str, int]:
    """Run the study, kill it, run it again.

    Returns:
        ``results``, ``twice``, ``lost``, ``code`` (of the second start), ``killed_after``.
    """
    ends = folder / "ends.txt"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    first = subprocess.Popen(command(sweep, folder), env=environment, stdout=subprocess.DEVNULL)
    while len(lines(ends)) < EARLY and first.poll() is None:
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    killed_after = len(lines(ends))
    again = subprocess.run(
        command(sweep, folder), env=environment, stdout=subprocess.DEVNULL, check=False
    )
    counts = Counter(lines(ends))
    there = {file.parent.name for file in folder.glob("study/*/results.json")}
    return {
        "results": len(there),
        "twice": sum(count > 1 for count in counts.values()),
        "lost": JOBS - 1 - len(there),
        "code": again.returncode,
        "killed_after": killed_after,
    }


def lines(file: Path) -> list[str]:
    """Of a file that may not be there yet."""
    return file.read_text().splitlines() if file.exists() else []


def run(overrides: Sequence[str]) -> int:
    """``mtl train -m`` whose jobs only pretend."""
    from mtl.cli.main import main as mtl

    with (
        patch("mtl.cli.sweeps.plan.Sweep", PretendSweep),
        patch("mtl.cli.sweeps.command.show_sweep"),
    ):
        return mtl(["train", "-m", *overrides])


def main(arguments: Sequence[str]) -> int:
    """Study the engines that are named."""
    if arguments[:1] == ["--run"]:
        # Not __main__, which the other processes don't have.
        return import_module("benchmarks.engines").run(arguments[1:])
    for sweep in arguments:
        with tempfile.TemporaryDirectory() as folder:
            print(sweep, json.dumps(studied(sweep, Path(folder))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
