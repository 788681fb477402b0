"""When one process of a run dies, the others end within seconds, whatever they wait for."""

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from subprocess import Popen
from typing import Any, NoReturn

import pytorch_lightning as L
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.utilities.distributed import _set_num_threads_if_needed
from pytorch_lightning.strategies.launchers import _SubprocessScriptLauncher

EVERY = 1.0
"""Seconds between two looks."""
PATIENCE = 15.0
"""Seconds for what waits for the dead process to fail by itself, which can say more."""

Look = Callable[[], str | None]
Lost = Callable[[str], None]


def watch_ranks(trainer: L.Trainer, lost: Lost) -> None:
    """Watch the processes that Lightning starts, in the first one, and the first one in these.

    Lightning's own watch kills the first process without a word. Those that torchrun or a cluster
    has started are watched by these.

    Args:
        trainer: before it begins.
        lost: called with how another process ended, right before this one is ended.
    """
    launcher = trainer.strategy.launcher
    environment = getattr(trainer.strategy, "cluster_environment", None)
    if not isinstance(launcher, _SubprocessScriptLauncher):
        return
    if not launcher.cluster_environment.creates_processes_externally:
        launcher.launch = _Launch(launcher, lost)  # type: ignore[method-assign]
    elif isinstance(environment, LightningEnvironment) and environment.local_rank() > 0:
        _watch(_first_of(os.getppid()), lost, ())


class _Launch:
    """Lightning's launcher's ``launch``, with this watch."""

    def __init__(self, launcher: _SubprocessScriptLauncher, lost: Lost) -> None:
        self.launcher = launcher
        self.lost = lost

    def __call__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        launcher = self.launcher
        kwargs.pop("trainer", None)
        environment = launcher.cluster_environment
        environment.validate_settings(
            num_devices=launcher.num_processes, num_nodes=launcher.num_nodes
        )
        if not environment.creates_processes_externally:
            launcher._call_children_scripts()
            _watch(_any_of(launcher.procs), self.lost, launcher.procs)
        _set_num_threads_if_needed(num_processes=launcher.num_processes)
        return function(*args, **kwargs)


def _any_of(children: Sequence[Popen[bytes]]) -> Look:
    def look() -> str | None:
        codes = [child.poll() for child in children]
        return next((how_it_ended(code) for code in codes if code), None)

    return look


def _first_of(parent: int) -> Look:
    def look() -> str | None:
        return "has ended" if os.getppid() != parent else None

    return look


def how_it_ended(code: int) -> str:
    """``was killed (SIGKILL)``, ``ended with exit code 1``.

    Args:
        code: less than 0 for a signal, as of ``Popen``.
    """
    return f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended with code {code}"


def _watch(look: Look, lost: Lost, others: Sequence[Popen[bytes]]) -> None:
    def watch() -> None:
        while (how := look()) is None:
            time.sleep(EVERY)
        time.sleep(PATIENCE)
        lost(how)
        _end(others)

    threading.Thread(target=watch, name="rank-watch", daemon=True).start()


def end_soon() -> None:
    """End this process if it doesn't by itself: it may wait for a dead one at its end, too."""
    timer = threading.Timer(PATIENCE, os._exit, (1,))
    timer.daemon = True
    timer.start()


def _end(others: Sequence[Popen[bytes]]) -> NoReturn:
    for child in others:
        if child.poll() is None:
            child.kill()
    os._exit(1)
