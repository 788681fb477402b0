"""Train in forked processes that are killed without warning, and go on until they finish.

For test_resume.py, in a process that has gone backward in no training yet, so that it can fork.
"""

import os
import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from omegaconf import DictConfig

from benchmarks.kills import begun, ended
from mtl.config.load import load


def finish(cfg: DictConfig, folder: Path) -> None:
    """Train to the end."""
    code = ended(begun(cfg, folder))
    if code:
        raise SystemExit(f"exit code {code} of a training:\n{Path(f'{folder}.txt').read_text()}")


def wait_for_checkpoints(child: int, path: Path, count: int) -> None:
    """Return when a file has been written ``count`` times."""
    seen: set[int] = set()
    while len(seen) < count:
        if path.exists():
            seen.add(path.stat().st_mtime_ns)
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            raise SystemExit("the run was over before it could be killed")
        time.sleep(0.005)


def kill_and_resume(
    folder: Path, overrides: Sequence[str], killed: Sequence[Sequence[str]]
) -> None:
    """Train into ``whole`` undisturbed, and into ``killed0``, ``killed1``... killed once each.

    Args:
        folder: of all of them.
        overrides: of the configuration.
        killed: those that each of the runs that are killed has besides.

    Raises:
        SystemExit: a training failed, or was over before it could be killed.
    """
    torch.set_num_threads(1)
    finish(load(overrides), folder / "whole")
    moments = random.Random(os.getpid())
    for attempt, own in enumerate(killed):
        cfg, target = load([*overrides, *own]), folder / f"killed{attempt}"
        child = begun(cfg, target)
        written = moments.randrange(4)
        delay = moments.uniform(0.0, 0.2)
        wait_for_checkpoints(child, target / "checkpoints" / "last.ckpt", written)
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        code = ended(child)
        print(f"attempt {attempt}: exit code {code}, {delay:.2f} s after checkpoint {written}")
        if code != -signal.SIGKILL:
            raise SystemExit("the run was over before it could be killed")
        finish(cfg, target)
