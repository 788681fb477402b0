"""Sweeps of 300 tiny jobs that go through everything at once: failures, and one kill after another.

    python -m benchmarks.soak grid joblib

Jobs pretend to train, every fifteenth trains indeed, and one in twenty fails, whichever it is. The
command is killed with SIGKILL three times and typed again. At the end all jobs are done, none came
to its end twice, those failed that were meant to, and the memory of the command's own process
has not grown with the jobs.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
from omegaconf import DictConfig
from scipy.stats import theilslopes

from benchmarks.engines import ENDS, PretendSweep, begun, ended, lines, note_end, run, twice
from benchmarks.processes import memory_of
from benchmarks.results import rounded
from benchmarks.sweeps import NOTHING
from mtl.cli.sweeps.job import Sweep
from mtl.files import read_json

THIS = "benchmarks.soak"
JOBS = 300
FAILING = frozenset(random.Random(0).sample(range(JOBS), 15))
"""Seeds of the jobs that fail."""
TRAINS = 15
"""Each so manieth job trains."""
KILLS = ((20, 60), (80, 120), (140, 180))
"""Numbers of ended jobs between which the command is killed."""
PERIOD = 0.5
"""Seconds from one look at the memory to the next."""
WARM = 40
"""Jobs of the last start, some of which have trained, after which memory shall not grow."""
MOST_GROWTH = 50.0
"""Kilobytes a job."""


class SoakSweep(PretendSweep):
    """Jobs some of which train."""

    failing = FAILING
    seconds = 0.05

    def train(self, cfg: DictConfig, folder: Path) -> dict[str, float]:
        """See ``Sweep``."""
        if cfg.seed % TRAINS or cfg.seed in self.failing:
            return super().train(cfg, folder)
        anew = not (folder / "results.json").exists()
        metrics = Sweep.train(self, cfg, folder)
        if anew:
            note_end(folder)
        return metrics


@dataclass
class Memory:
    """Looks at the memory of the command's own process, as the jobs come to their ends.

    Args:
        ends: the file in which jobs note that.
        looks: jobs that had ended, and bytes.
    """

    ends: Path
    looks: list[tuple[int, int]] = field(default_factory=list)
    last: float = 0.0

    def __call__(self, process: int) -> None:
        """Look, if it is time to."""
        if time.monotonic() - self.last >= PERIOD:
            self.last = time.monotonic()
            self.looks.append((len(lines(self.ends)), memory_of(process)))

    def warm(self) -> list[tuple[int, int]]:
        """The looks after the first jobs and before the last one's end."""
        first, last = self.looks[0][0] + WARM, self.looks[-1][0]
        return [look for look in self.looks if first <= look[0] < last]

    def kilobytes_a_job(self) -> float:
        """The median slope between two looks (Theil and Sen)."""
        jobs, memory = np.array(self.warm(), dtype=float).T
        return float(theilslopes(memory / 1e3, jobs).slope)


def soaked(sweep: str, folder: Path) -> dict[str, object]:
    """Run the sweep, with its kills, to its end.

    Args:
        sweep: the engine.
        folder: an empty one.

    Returns:
        What came of it; ``wrong`` names what should be otherwise.
    """
    began, rng = time.monotonic(), random.Random(0)
    ends, memory = folder / ENDS, Memory(folder / ENDS)
    killed_after = []
    for least, most in KILLS:
        enough = partial(_have_ended, ends, rng.randint(least, most))
        ended(begun(THIS, typed(sweep, folder), subprocess.DEVNULL), enough)
        killed_after.append(len(lines(ends)))
    code = ended(begun(THIS, typed(sweep, folder), subprocess.DEVNULL), look=memory)
    states = {
        job.name: read_json(job / "status.json").get("state") for job in folder.glob("sweep/seed-*")
    }
    failed = {int(name[5:]) for name, state in states.items() if state == "failed"}
    finished = sum(state == "finished" for state in states.values())
    growth = memory.kilobytes_a_job()
    right = {
        "finished": finished == JOBS - len(FAILING),
        "failed": failed == FAILING,
        "twice": twice(ends) == 0,
        "code": code == 1,
        "kilobytes_a_job": growth <= MOST_GROWTH,
    }
    return {
        "finished": finished,
        "failed": len(failed),
        "twice": twice(ends),
        "code": code,
        "killed_after": killed_after,
        "megabytes": rounded(memory.warm()[-1][1] / 1e6),
        "kilobytes_a_job": rounded(growth),
        "seconds": round(time.monotonic() - began),
        "wrong": [name for name, fine in right.items() if not fine],
    }


def _have_ended(ends: Path, jobs: int) -> bool:
    return len(lines(ends)) >= jobs


def typed(sweep: str, folder: Path) -> list[str]:
    """What this module is started with in a process of its own, for the sweep."""
    start = ["--run", f"sweep={sweep}"]
    return [*start, f"seed=range({JOBS})", *NOTHING, f"hydra.sweep.dir={folder}/sweep"]


def main(arguments: Sequence[str]) -> int:
    """Soak the engines that are named."""
    if arguments[:1] == ["--run"]:
        # Not __main__, which the other processes don't have.
        return run(arguments[1:], import_module(THIS).SoakSweep)
    wrong = False
    for sweep in arguments:
        with tempfile.TemporaryDirectory() as folder:
            found = soaked(sweep, Path(folder))
        print(sweep, json.dumps(found), flush=True)
        wrong |= bool(found["wrong"])
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
