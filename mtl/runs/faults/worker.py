"""A data-loading process that dies."""

import re

from mtl.errors import RunError
from mtl.runs.faults.chain import chain

_DIED = re.compile(
    r"DataLoader worker \(pid(?:\(s\))? (?P<which>[\d, ]+)\) "
    r"(?:is killed by signal: (?P<signal>[^.]*)|exited unexpectedly(?P<code>[^.]*))"
)
_MEMORY = "most often for want of memory: fewer data.workers need less"
_SHARED = "for want of shared memory (/dev/shm): data.workers=0 needs none"


def lost_worker(error: BaseException) -> RunError | None:
    """Which process, how it ended, and what helps; None for any other error.

    Args:
        error: that ended a run.
    """
    told = [_DIED.search(str(seen)) for seen in chain(error) if isinstance(seen, RuntimeError)]
    # By which signal is told where torch noticed first, if at all.
    died = max(filter(None, told), key=lambda one: one["signal"] is not None, default=None)
    if died is None:
        return None
    return RunError(f"a data-loading process (pid {died['which']}) {_how(died)}")


def _how(died: re.Match[str]) -> str:
    if died["signal"] is None:
        return f"ended unexpectedly{died['code']}, {_MEMORY}; else data.workers=0 shows why"
    why = _SHARED if "bus" in died["signal"].lower() else _MEMORY
    return f"was killed ({died['signal']}), {why}"
