"""Which shards of the cache are read: each has a lock that other processes see."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

IN_USE = "in_use.lock"
"""A file of a shard, which nothing else opens: closing it once would end all of its locks."""
_held: dict[Path, int] = {}
"""Files that stay open as long as this process lives."""


def hold(shard: Path) -> None:
    """Let other processes know that this one reads a shard, until it ends.

    Where another one has taken the shard, its end is waited for. Where files can't be locked,
    nobody knows.

    Args:
        shard: its folder.
    """
    if shard not in _held:
        with suppress(OSError):
            _held[shard] = _locked(shard, shared=True)


@contextmanager
def taken(shards: Iterable[Path]) -> Iterator[list[Path]]:
    """Those shards that no other process reads; one that wants to has to wait for the block's end.

    Where files can't be locked there are none.

    Args:
        shards: folders, none of which this process reads.
    """
    with ExitStack() as locks:
        found = []
        for shard in shards:
            with suppress(OSError):
                locks.callback(os.close, _locked(shard, shared=False))
                found.append(shard)
        yield found


def _locked(shard: Path, shared: bool) -> int:
    """The open file.

    Raises:
        OSError: the shard is gone, others read it, or files can't be locked.
    """
    try:
        import fcntl
    except ImportError as error:
        raise OSError("files can't be locked") from error
    access, kind = (
        (os.O_RDONLY, fcntl.LOCK_SH) if shared else (os.O_RDWR, fcntl.LOCK_EX | fcntl.LOCK_NB)
    )
    file = os.open(shard / IN_USE, access | os.O_CREAT, 0o666)
    try:
        # Unlike flock, workers, which outlive a killed run for a while, don't inherit this.
        fcntl.lockf(file, kind)
    except OSError:
        os.close(file)
        raise
    return file
