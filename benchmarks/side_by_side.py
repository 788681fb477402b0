"""Whether two jobs at the same time are done sooner than one after the other."""

import os
import subprocess
import sys
import tempfile
import time

from benchmarks.results import Entry, paired
from benchmarks.surroundings import surroundings

JOB = [
    *("tasks=[classification,box]", "data.train=1000", "data.val=100", "data.test=100"),
    *("epochs=3", "callbacks.figures.enabled=false"),
]


def side_by_side(rounds: int = 1) -> Entry:
    """Seconds of a whole sweep of two jobs, each on its share of the cores, over one by one."""
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(seconds("sweep=grid"))
        ours.append(seconds("sweep=joblib"))
    return paired(
        ours,
        theirs,
        goal=1.0,
        better="lower",
        what="two jobs side by side (sweep=joblib) over one after the other (sweep=grid)",
        unit="s",
        **surroundings(),
    )


def seconds(engine: str) -> float:
    """Wall-clock seconds of the command with both jobs.

    Raises:
        RuntimeError: a job failed.
    """
    # Threads are shared out by the engine, unless somebody has said how many there shall be.
    own = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        ended = subprocess.run(
            [sys.executable, "-m", "mtl", "train", "-m", engine, "seed=0,1", *JOB],
            cwd=folder,
            env={**own, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            check=False,
            capture_output=True,
            text=True,
        )
        took = time.perf_counter() - begun
    if ended.returncode:
        raise RuntimeError(f"the sweep ended with {ended.returncode}: {ended.stderr}")
    return took
