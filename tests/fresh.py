"""Processes with nothing of the test's own in them, without importing torch and Lightning again.

Before its first test each of pytest's workers forks a server, which has imported what the tests
have; every process is a fork of that. Tests of what is imported when, and of processes that
Lightning or Hydra start, start Python anew.
"""

import contextlib
import logging
import multiprocessing
import os
import runpy
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import forkserver, resource_tracker, util
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any
from unittest.mock import patch

import preloaded  # noqa: F401  what a training needs, before the fork
import torch

HERE = Path(__file__).parent
PATHS = [str(HERE), str(HERE.parent)]


@dataclass
class Fresh:
    """A process that was started.

    Args:
        process: to wait for or to kill.
        folder: where its output goes.
    """

    process: ForkServerProcess
    folder: Path

    @property
    def out(self) -> str:
        """What it has printed so far."""
        return (self.folder / "stdout").read_text()

    @property
    def err(self) -> str:
        """The same of its error stream."""
        return (self.folder / "stderr").read_text()

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self.process.exitcode

    def wait(self, timeout: float = 500) -> "Fresh":
        """Until it has ended.

        Raises:
            TimeoutError: it has not; it is killed then.
        """
        self.process.join(timeout)
        if self.process.is_alive():
            self.process.kill()
            raise TimeoutError(f"not done in {timeout} s:\n{self.out}\n{self.err}")
        return self


def start(
    function: Callable[..., object],
    *arguments: Any,
    cwd: Path,
    env: Mapping[str, str] | None = None,
) -> Fresh:
    """Call a function in a new process, in a session of its own.

    Args:
        function: of a module that can be imported.
        arguments: its own.
        cwd: where it runs; what it prints goes to ``printed`` there.
        env: variables beside those of this process.
    """
    folder = cwd / "printed"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("stdout", "stderr"):
        (folder / name).write_text("")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(PATHS)}
    process = multiprocessing.get_context("forkserver").Process(
        target=_run, args=(function, arguments, str(cwd), environment | dict(env or {}))
    )
    process.start()
    return Fresh(process, folder)


def mtl(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Fresh:
    """Start ``python -m mtl ARGUMENTS``."""
    return start(_module, ["mtl", *arguments], cwd=cwd, env=env)


def stop() -> None:
    """End the server, which lives on while any process holds what it has inherited of this one."""
    server: int | None = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    if server is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(server, signal.SIGTERM)


def _module(argv: Sequence[str]) -> None:
    sys.argv = list(argv)
    runpy.run_module(argv[0], run_name="__main__", alter_sys=True)


def serve() -> None:
    """Fork the server, in a process that has gone backward in no training yet."""
    resource_tracker.ensure_running()
    with warnings.catch_warnings(), patch.object(util, "spawnv_passfds", _forked):
        # Python warns of any thread; xdist's only waits.
        warnings.simplefilter("ignore", DeprecationWarning)
        forkserver.ensure_running()


def _forked(path: object, arguments: object, descriptors: Sequence[int]) -> int:
    """What ``multiprocessing`` starts its server with, without starting Python."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    server = os.fork()
    if server == 0:
        try:
            _forget_pytest(descriptors)
            forkserver.main(*descriptors, preload=[])
        finally:
            os._exit(1)
    return server


def _forget_pytest(kept: Sequence[int]) -> None:
    """Leave to the server nothing that pytest has changed or opened."""
    for before, after in pairwise([2, *sorted(kept), os.sysconf("SC_OPEN_MAX")]):
        os.closerange(before + 1, after)
    sys.stdout, sys.stderr = (os.fdopen(fd, "w", buffering=1, closefd=False) for fd in (1, 2))
    sys.unraisablehook, threading.excepthook = sys.__unraisablehook__, threading.__excepthook__
    for number, answer in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_DFL),
    ):
        signal.signal(number, answer)
    logging.getLogger().handlers.clear()
    warnings.resetwarnings()
    for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", category)


def _run(
    function: Callable[..., object], arguments: Sequence[Any], cwd: str, env: Mapping[str, str]
) -> None:
    # Workers that load data are started as everywhere else, not by the server.
    multiprocessing.set_start_method("fork", force=True)
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    # pytest's process may have counted the GPUs, which forks of it don't use.
    torch.cuda._is_in_bad_fork = lambda: False
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        os.dup2(os.open(f"{cwd}/printed/{name}", os.O_WRONLY | os.O_APPEND), descriptor)
    function(*arguments)
