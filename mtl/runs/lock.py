"""A folder that one process holds."""

import datetime
import json
import os
import platform
from contextlib import suppress
from pathlib import Path

FILE = ".lock"


class Lock:
    """Holds a folder until it is let go of, or the process ends, however it ends.

    Where the system has no such locks everything is free.

    Args:
        folder: there is one.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Hold the folder, unless another process does.

        Returns:
            Whether it is held now.
        """
        try:
            import fcntl
        except ImportError:
            return True
        self._descriptor = os.open(self.file, os.O_CREAT | os.O_RDWR)
        try:
            # Unlike flock, workers, which outlive a killed run for a while, don't inherit this.
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.release()
            return False
        return True

    def sign(self) -> None:
        """Let others read who holds the folder."""
        now = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
        who = {"process": os.getpid(), "host": platform.node(), "since": now}
        # On a full disk the folder is held all the same.
        with suppress(OSError):
            if self._descriptor is not None:
                os.ftruncate(self._descriptor, 0)
                os.pwrite(self._descriptor, json.dumps(who).encode(), 0)

    def release(self) -> None:
        """Let go of the folder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def holder(folder: Path) -> str:
    """`` (process 4711 on atlas, since 2026-01-01 12:00:00+00:00)``; empty where nobody has signed.

    Args:
        folder: that another process holds.
    """
    with suppress(OSError, ValueError, KeyError, TypeError):
        who = json.loads((folder / FILE).read_bytes()[:1000])
        return f" (process {int(who['process'])} on {who['host']}, since {who['since']})"
    return ""


def is_held(folder: Path) -> bool:
    """Whether another process on this machine, or on one with the same files, holds a folder.

    Args:
        folder: not one that this process itself holds, which it would let go of.
    """
    if not (folder / FILE).exists():
        return False
    lock = Lock(folder)
    try:
        return not lock.take()
    except OSError:
        # Somebody else's folder can't be opened for writing.
        return False
    finally:
        lock.release()
