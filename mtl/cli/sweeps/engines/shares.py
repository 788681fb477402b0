"""A machine's cores and GPUs, shared out among processes that work side by side."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mtl.runs.lock import Lock
from mtl.words import counted

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
VISIBLE = "CUDA_VISIBLE_DEVICES"
_HELD: dict[Path, int] = {}
"""The share that this process has of each set of shares."""


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_each(jobs: int) -> int:
    """How many threads each of some jobs side by side has: no core for two, or what was asked for.

    Args:
        jobs: side by side.
    """
    asked = os.environ.get(THREADS[0], "")
    return int(asked) if asked.isdecimal() else max(cores() // jobs, 1)


def gpus() -> list[str]:
    """The GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    if VISIBLE in os.environ:
        return [name for name in os.environ[VISIBLE].split(",") if name.strip() not in ("", "-1")]
    found = [path for path in Path("/dev").glob("nvidia*") if path.name[6:].isdecimal()]
    return [str(number) for number in range(len(found))]


@dataclass(frozen=True)
class MachineShares:
    """As many shares as processes; each process takes one, and has it as long as it lives.

    Args:
        folder: an empty one; a process holds a lock in it, which nothing outlives.
        count: of shares.
        threads: of each share.
        gpus: to be shared out; with fewer of them than shares they are taken in turns.
    """

    folder: Path
    count: int
    threads: int
    gpus: Sequence[str]

    def take(self) -> str:
        """Take a share, before torch is imported; the same one again in the same process.

        Returns:
            What it is, in words: ``2 threads, GPU 1``.
        """
        number = _HELD.get(self.folder)
        if number is None:
            number = _HELD[self.folder] = self._free()
            os.environ |= dict.fromkeys(THREADS, str(self.threads))
            if self.gpus:
                os.environ[VISIBLE] = self.gpus[number % len(self.gpus)]
        gpu = f", GPU {os.environ[VISIBLE]}" if self.gpus else ""
        return f"{counted(self.threads, 'thread')}{gpu}"

    def _free(self) -> int:
        for number in range(self.count):
            place = self.folder / str(number)
            place.mkdir(exist_ok=True)
            if Lock(place).take():
                return number
        # A process that ends is still there for a moment.
        return os.getpid() % self.count
