"""Ends of a run that come from outside: signals, and a full disk."""

import errno
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mtl.errors import RunError

SIGNALS = ("SIGTERM", "SIGHUP", "SIGUSR1")
"""The end of a job; of the terminal; a cluster's warning. Windows has only the first."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Let signals that would kill the process without a word end it as Ctrl-C does.

    A signal that is ignored already (``nohup``) stays so. Only the main thread gets signals.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        for name in SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                before[number] = signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    # Once is enough: what follows is the writing of what became of the run.
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt(signal.Signals(number).name)


def disk_full(error: BaseException) -> RunError | None:
    """One line for an error that says that no more can be written; None for any other."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in _FULL:
            where = f" ({seen.filename})" if seen.filename else ""
            return RunError(f"the disk is full{where}: {seen.strerror}; the run can be resumed")
        seen = seen.__cause__ or seen.__context__
    return None
