"""The ways in which a command may end early without that being our bug."""

from pathlib import Path


class UserError(Exception):
    """A mistake in what the user asked for or supplied.

    Commands print the message, which names the thing and the remedy, and end with exit code 2. It
    is empty where another process of the same run has it.
    """


class BadFile(UserError):
    """An input file that can't be used.

    Args:
        path: the file.
        reason: what is wrong with it, as the end of a sentence that begins with the path.
    """

    def __init__(self, path: object, reason: str) -> None:
        self.path = str(path)
        self.reason = reason
        super().__init__(f"{self.path}: {reason}")

    def __reduce__(self) -> tuple[type["BadFile"], tuple[str, str]]:
        """Pickle by the two arguments: data-loading workers send these errors home."""
        return type(self), (self.path, self.reason)


class InUse(UserError):
    """A run's folder that another process is working in now."""


class RunError(Exception):
    """A run that can't go on (a loss that is not finite, say).

    Commands print the message without a traceback and end with exit code 1. It is empty where
    another process of the same run has it.
    """


class Pruned(Exception):
    """A trial of a search that was ended since others did better."""


class Interrupted(KeyboardInterrupt):
    """A run that was ended from outside.

    Args:
        folder: of the run.
        resumable: whether it has finished an epoch, from which it can go on.
    """

    def __init__(self, folder: Path, resumable: bool) -> None:
        super().__init__(folder, resumable)
        self.folder = folder
        self.resumable = resumable
