"""What a training does without where it can't be written: pictures, and events for TensorBoard.

All that they show can be had again from checkpoints and ``metrics.csv``, for whose sake a run does
end.
"""

from pathlib import Path
from typing import Any

from mtl.files import unwritable
from mtl.terminal import say

_SAID: set[tuple[Path, str]] = set()
"""A run's folder, and what it does without."""


def do_without(folder: Path, what: str, error: OSError) -> None:
    """Say, once for each run, what is not written any more.

    Args:
        folder: of the run.
        what: such as ``pictures``.
        error: that the system gave.
    """
    if (folder, what) not in _SAID:
        _SAID.add((folder, what))
        say(f"{unwritable(error) or error}; the run goes on without {what}")


class LosableFile:
    """A file of which the rest is left out where it can't be written; half a record ends it.

    Args:
        file: with ``write``, ``flush`` and ``close``.
        path: of it.
        what: is in it.
    """

    def __init__(self, file: Any, path: Path, what: str) -> None:
        self.file = file
        self.path = path
        self.what = what
        self.lost = False

    def write(self, content: bytes) -> None:
        """Append, if that still goes."""
        self._try(self.file.write, content)

    def flush(self) -> None:
        """Let readers see it."""
        self._try(self.file.flush)

    def close(self) -> None:
        """End the file."""
        self._try(self.file.close)

    def _try(self, act: Any, *arguments: bytes) -> None:
        if self.lost:
            return
        try:
            act(*arguments)
        except OSError as error:
            self.lost = True
            error.filename = str(self.path)
            do_without(self.path.parent, self.what, error)
