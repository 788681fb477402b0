"""Files that disappear while a run reads them."""

from contextlib import suppress
from pathlib import Path


class FirstSeen:
    """Which files there were when their folders were first looked at.

    A sample without an annotation has no targets, or is taken for background. One whose annotation
    disappears between two epochs must not pass for that: the file is missing then, and is named.
    """

    def __init__(self) -> None:
        self._names: dict[Path, frozenset[str]] = {}

    def __contains__(self, path: Path) -> bool:
        folder = path.parent
        if folder not in self._names:
            self._names[folder] = frozenset()
            with suppress(OSError):
                self._names[folder] = frozenset(entry.name for entry in folder.iterdir())
        # Some file systems know a name by several spellings.
        return path.name in self._names[folder] or path.exists()
