"""What a data-loading process does first."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import torch

from mtl.data.image_file import allow_megapixels

FOR_THE_RUN = ("SIGINT", "SIGHUP", "SIGUSR1")
"""Signals that end a run, which then ends its workers."""


def begin_worker(_: int, max_megapixels: float) -> None:
    """One thread of calculation, since workers run beside each other; signals are the run's.

    Args:
        max_megapixels: see ``allow_megapixels``; a process that was not forked doesn't know it.
    """
    allow_megapixels(max_megapixels)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    for name in FOR_THE_RUN:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_obey_the_run, daemon=True).start()


def _obey_the_run() -> None:
    """End at a SIGTERM of the run, and at no other.

    A SIGTERM to a whole group of processes is meant for the run too, which would take the death of
    a worker for a failure.
    """
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)


@contextmanager
def opencv_alone() -> Iterator[None]:
    """OpenCV without threads of its own, which wait busily, where many call it side by side."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(0)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def usable_cores() -> int:
    """How many cores this process may run on."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1
