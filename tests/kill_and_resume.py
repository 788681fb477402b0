"""Train in forked processes that are killed without warning, again and again until one finishes.

For test_resume.py, in a process that has gone backward in no training yet, so that it can fork.
"""

import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import torch
from omegaconf import DictConfig

from mtl.config.load import load
from mtl.runs.train import train


def start(cfg: DictConfig, folder: Path) -> int:
    """Fork a process that trains; its number."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            train(cfg, folder)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    return child


def finish(child: int) -> None:
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit(f"a training ended with status {status}")


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
    finish(start(load(overrides), folder / "whole"))
    moments = random.Random(os.getpid())
    for attempt, own in enumerate(killed):
        cfg, target = load([*overrides, *own]), folder / f"killed{attempt}"
        child = start(cfg, target)
        written = moments.randrange(4)
        delay = moments.uniform(0.0, 0.2)
        wait_for_checkpoints(child, target / "checkpoints" / "last.ckpt", written)
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print(f"attempt {attempt}: status {status}, {delay:.2f} s after checkpoint {written}")
        if status != signal.SIGKILL:
            raise SystemExit("the run was over before it could be killed")
        finish(start(cfg, target))
