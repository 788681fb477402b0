"""The folder that predictions are written into, over several starts."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtl.errors import InUse, UserError
from mtl.files import read_json, write_json
from mtl.runs.prediction.journal import Journal, JsonLine

JOURNAL = "predictions.jsonl"
SETTINGS = "settings.json"
DECIDING = ("network", "calibration", "tiles")
"""The settings that decide what is predicted; the others are for people."""


class OutFolder:
    """Held by one process at a time, and made when there is something to write.

    Args:
        path: of the folder.
        settings: what is predicted with.
        overwrite: whether earlier results go, whatever they were predicted with.

    Raises:
        UserError: it holds results of other settings.
        InUse: another process writes into it.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], overwrite: bool) -> None:
        self.path = path
        self.settings = dict(settings)
        self.journal = Journal(path / JOURNAL)
        self._waiting: list[JsonLine] = []
        self._opened = False
        self._lock: int | None = None
        try:
            if path.is_dir():
                self._hold()
            if self.known and overwrite:
                self.journal.path.unlink()
            elif self.known:
                self._compare()
        except BaseException:
            self.close()
            raise

    @property
    def known(self) -> bool:
        """Whether there are results in it."""
        return self.journal.path.exists()

    def open(self) -> None:
        """Make it, and begin to write."""
        if self._opened:
            return
        self._opened = True
        self.path.mkdir(parents=True, exist_ok=True)
        self._hold()
        write_json(self.path / SETTINGS, self.settings)
        for entry in self._waiting:
            self.journal.append(entry)

    def add(self, entry: JsonLine) -> None:
        """Write an entry; as long as the folder isn't opened it waits."""
        if self._opened:
            self.journal.append(entry)
        else:
            self._waiting.append(entry)

    def close(self) -> None:
        """Let go of it."""
        self.journal.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _compare(self) -> None:
        before = read_json(self.path / SETTINGS)
        for key in DECIDING:
            if before.get(key) != self.settings.get(key):
                raise UserError(
                    f"out={self.path}: holds predictions {_in_words(key, before)}; choose another "
                    "out=, or write overwrite=true to begin anew"
                )

    def _hold(self) -> None:
        try:
            import fcntl
        except ImportError:
            return
        if self._lock is not None:
            return
        self._lock = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            # Some file systems can't lock a folder.
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise InUse(f"out={self.path}: another mtl predict is writing there now") from None


def _in_words(key: str, before: Mapping[str, Any]) -> str:
    if key == "network":
        named = (name for name in ("run", "checkpoint") if name in before)
        made_by = " ".join(f"{name}={before[name]}" for name in named)
        changes = " ".join(before.get("overrides") or [])
        return f"of another network ({f'{made_by} {changes}'.strip()})"
    if key == "calibration":
        return "with another calibration" if before.get(key) else "without calibration"
    tiles = before.get("tiles")
    if not tiles:
        return "on whole images"
    return f"with tiles={tiles['side']} overlap={tiles['overlap']:g}"
