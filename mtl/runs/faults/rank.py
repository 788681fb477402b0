"""One of several processes of a run that dies."""

import torch

from mtl.errors import RunError
from mtl.runs.faults.chain import chain

_WORDS = (
    "gloo",
    "nccl",
    "Connection closed by peer",
    "Connection reset by peer",
    "Broken pipe",
    "Timed out waiting",
)
"""Torch raises bare RuntimeErrors of them, too."""


class LostRank(RunError):
    """Another process of the same run has gone; the first to notice says so."""


def lost_rank(error: BaseException) -> LostRank | None:
    """That a process doesn't answer, and where to look; None for any other error.

    Args:
        error: that ended a run.
    """
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return None
    for seen in chain(error):
        in_words = isinstance(seen, RuntimeError) and any(word in str(seen) for word in _WORDS)
        if in_words or isinstance(seen, torch.distributed.DistError):
            silent = "timed out" in str(seen).lower()
            return LostRank(gone("does not answer" if silent else "has gone"))
    return None


def gone(how: str) -> str:
    """What to say of a process.

    Args:
        how: it has ended.
    """
    return (
        f"another process of this run {how}: what it said last tells why, if it was not killed for "
        "want of memory"
    )
