"""What a long sweep leaves behind in memory, job after job."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from benchmarks.memory import PERIOD
from benchmarks.processes import has_pss, memory_of, threads_of, tree
from benchmarks.results import Entry, rounded
from benchmarks.surroundings import surroundings

JOBS = 100
EARLY = 10
"""The job after which memory is what the last is held against."""
GOAL = 1.1
NOTHING = [
    *("data=shapes", "data.train=8", "data.val=4", "data.test=4", "tasks=[classification]"),
    *("epochs=1", "batch_size=4", "image_size=32", "backbone.width=8"),
    "callbacks.figures.enabled=false",
]
"""One epoch of nothing."""
Looks = dict[int, list[tuple[int, int]]]
"""Bytes and threads at each look, by the number of jobs that had ended."""


def sweep_flat(sweep: str) -> dict[str, Entry]:
    """Memory and threads after the last of many jobs over those after an early one.

    Args:
        sweep: ``grid``, all jobs in one process, or ``joblib``, in two.

    Raises:
        RuntimeError: a job failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        looks = watched(sweep, Path(folder))
    early, late = (peak(looks, job) for job in (EARLY, JOBS))
    raw = {
        "counted": "PSS" if has_pss(os.getpid()) else "RSS",
        "megabytes": [rounded(early[0] / 1e6), rounded(late[0] / 1e6)],
        "thread_counts": [early[1], late[1]],
        **surroundings(),
    }
    what = f"after job {JOBS} over after job {EARLY} of a sweep ({sweep})"
    return {
        f"sweep_memory/{sweep}": Entry(
            rounded(late[0] / early[0]), GOAL, "lower", f"memory {what}", raw
        ),
        f"sweep_threads/{sweep}": Entry(
            rounded(late[1] / early[1]), GOAL, "lower", f"threads {what}", raw
        ),
    }


def peak(looks: Looks, job: int) -> tuple[int, int]:
    """Most bytes and most threads while the two jobs up to this one ran."""
    near = [look for ended in (job - 2, job - 1) for look in looks[ended]]
    return max(memory for memory, _ in near), max(threads for _, threads in near)


def watched(sweep: str, folder: Path) -> Looks:
    """Run the sweep and look at it all the while.

    Raises:
        RuntimeError: a job failed.
    """
    seeds = f"seed=range({JOBS})"
    place = f"hydra.sweep.dir={folder}/sweep"
    running = subprocess.Popen(
        [sys.executable, "-m", "mtl", "train", "-m", f"sweep={sweep}", seeds, *NOTHING, place],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    looks: Looks = defaultdict(list)
    record = folder / "sweep" / "jobs.jsonl"
    while running.poll() is None:
        time.sleep(PERIOD)
        processes = tree(running.pid)
        memory, threads = sum(map(memory_of, processes)), sum(map(threads_of, processes))
        looks[len(states(record))].append((memory, threads))
    if states(record) != ["finished"] * JOBS:
        raise RuntimeError(f"the sweep ended with {running.returncode}: {states(record)}")
    return looks


def states(record: Path) -> list[str]:
    """How the jobs ended that have."""
    if not record.exists():
        return []
    said = [json.loads(line)["state"] for line in record.read_text().splitlines()]
    return [state for state in said if state != "running"]
