"""Ends of a run that come from outside."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mtl.learning.stop import Stop
from mtl.runs.faults.chain import chain

SIGNALS = ("SIGTERM", "SIGHUP", "SIGUSR1")
"""The end of a job; of the terminal; a cluster's warning. Windows has only the first."""


@contextmanager
def stopped_by_signals() -> Iterator[Stop]:
    """Let signals that would kill the process without a word end it as Ctrl-C does.

    A signal that is ignored already (``nohup``) stays so. Only the main thread gets signals.
    """
    stop, before = Stop(), {}
    if threading.current_thread() is threading.main_thread():
        for name in SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                before[number] = signal.signal(number, stop)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def after_interruption(error: BaseException) -> bool:
    """Whether an error came of ending something from outside, as of a terminal that is gone."""
    return any(isinstance(seen, KeyboardInterrupt) for seen in chain(error))
