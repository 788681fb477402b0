"""How soon the command answers."""

import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.results import Entry, paired
from benchmarks.surroundings import surroundings


def command_seconds(
    arguments: Sequence[str], code: int, goal: float, what: str, rounds: int = 5
) -> Entry:
    """Wall-clock seconds of a command, after one run that fills the disk's cache.

    Args:
        arguments: of ``mtl``.
        code: the exit code it has to end with.
        goal: seconds.
        what: one line for people.
        rounds: how often it is run.
    """
    seconds = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "mtl", *arguments], check=False, capture_output=True
        )
        seconds.append(time.perf_counter() - start)
        if done.returncode != code:
            raise RuntimeError(f"mtl {' '.join(arguments)} ended with {done.returncode}")
    return paired(
        seconds[1:],
        [1.0] * rounds,
        goal=goal,
        better="lower",
        what=what,
        unit="s",
        **surroundings(threads=1),
    )
