"""A run that can't write: a full disk, or a folder that has been closed to it."""

from mtl.errors import RunError
from mtl.files import unwritable
from mtl.runs.faults.chain import chain


def not_written(error: BaseException) -> RunError | None:
    """Which file, why, and what helps; None for any other error.

    Args:
        error: that ended a run.
    """
    for seen in chain(error):
        said = unwritable(seen) if isinstance(seen, OSError) else None
        if said is not None:
            return RunError(said)
    return None
