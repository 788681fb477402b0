"""The folder of all caches: what is in it, making room, and clearing."""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from mtl.data.loading.cache_key import KEY_BYTES
from mtl.data.loading.cache_locks import IN_USE, hold

log = logging.getLogger(__name__)

ABOUT = "about.json"
"""What a shard holds; its time of change is when the shard was used last."""
KEYS = "keys.bin"
_TEMPORARY = ".temporary-"
_ABANDONED_S = 24 * 3600
_WORK = re.compile(rf"[0-9a-f]{{{2 * KEY_BYTES}}}")
_OLDER = re.compile(r"[0-9a-f]{16}-[0-9a-f]{16}")
"""Folders of versions that kept a whole split each."""


@dataclass(frozen=True)
class Shard:
    """A folder with the entries of some samples.

    Args:
        path: of the folder.
        size: bytes on disk.
        files: how many.
        used: when last, seconds since 1970.
        about: ``folder`` of the files, ``preprocess``, ``samples``; empty for an older version's.
    """

    path: Path
    size: int
    files: int
    used: float
    about: dict[str, Any]


class Store:
    """A folder ``root/WORK/SHARD``: WORK names what was made of files, SHARD is written once.

    Any number of processes may read and write: a shard appears when it is whole, and one that is
    taken away stays readable to those who have it open.

    Args:
        root: of all caches.
    """

    in_use: ClassVar[set[Path]] = set()
    """Shards that this process reads: it doesn't make room at its own expense."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def shards(self) -> list[Shard]:
        """All of them, the least recently used first."""
        found = []
        for work in _inside(self.root):
            if _WORK.fullmatch(work.name):
                found += self.of(work.name)
            elif _OLDER.fullmatch(work.name):
                found.append(Shard(work, *_size(work), 0.0, {}))
        return sorted(found, key=lambda shard: shard.used)

    def of(self, work: str) -> list[Shard]:
        """Those of one kind of work."""
        paths = _inside(self.root / work)
        return [shard for path in paths if (shard := _shard(path)) is not None]

    def entries(self, work: str) -> dict[bytes, tuple[Path, int]]:
        """Sample key to shard and row."""
        found: dict[bytes, tuple[Path, int]] = {}
        for path in _inside(self.root / work):
            with suppress(OSError):
                found.update({key: (path, row) for row, key in enumerate(keys_in(path))})
        return found

    def use(self, shards: Collection[Path]) -> bool:
        """Note that shards are used now, by this process, and until it ends.

        Returns:
            Whether all of them are there: another process may have merged some meanwhile.
        """
        self.in_use.update(shards)
        for path in shards:
            with suppress(OSError):
                os.utime(path / ABOUT)
            hold(path)
        return all(path.is_dir() for path in shards)

    @contextmanager
    def new(self, work: str) -> Iterator[Path]:
        """A folder to be filled, which becomes a shard when the block ends without an error."""
        folder = self.root / f"{_TEMPORARY}{secrets.token_hex(8)}"
        folder.mkdir(parents=True)
        try:
            yield folder
            (folder / IN_USE).touch()
            place = self.root / work / secrets.token_hex(8)
            place.parent.mkdir(exist_ok=True)
            folder.rename(place)
            self.in_use.add(place)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def alone(self, work: str) -> Iterator[None]:
        """Wait until no other process builds the same; where files can't be locked, don't."""
        self.root.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.root / f".{work}.lock", os.O_CREAT | os.O_RDWR)
        try:
            with suppress(ImportError, OSError):
                import fcntl

                try:
                    fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    log.info("waiting for another process that caches the same images")
                    fcntl.lockf(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def make_room(self, needed: int, budget: float) -> float:
        """Take away what was used least recently until there is room for more.

        Args:
            needed: bytes.
            budget: that all caches may take together.

        Returns:
            The bytes that there is room for now; less than needed where this process reads the
            rest.
        """
        shards = self.shards()
        total = sum(shard.size for shard in shards)
        for shard in shards:
            if total + needed <= budget:
                break
            if shard.path not in self.in_use:
                self.remove(shard.path)
                total -= shard.size
        return max(0.0, budget - total)

    def clear(self) -> int:
        """Take all caches away, and nothing else that may be in the folder.

        Returns:
            The bytes freed.
        """
        shards = self.shards()
        for shard in shards:
            self.remove(shard.path)
        for path in _inside(self.root):
            if _WORK.fullmatch(path.name) and path.is_dir():
                self.remove(path)
            elif path.name.endswith(".lock") and _WORK.fullmatch(path.name[1:-5]):
                path.unlink(missing_ok=True)
        self.remove_abandoned(0)
        return sum(shard.size for shard in shards)

    def remove_abandoned(self, age: float = _ABANDONED_S) -> None:
        """Delete what processes left behind that were killed while they were building.

        Args:
            age: seconds that nothing was written to it.
        """
        for path in self.root.glob(f"{_TEMPORARY}*"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > age:
                    shutil.rmtree(path, ignore_errors=True)

    def remove(self, path: Path) -> None:
        """Delete a folder, so that no process ever finds half of one."""
        aside = self.root / f"{_TEMPORARY}{secrets.token_hex(8)}"
        with suppress(OSError):
            path.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)


def keys_in(shard: Path) -> list[bytes]:
    """The sample key of each row.

    Raises:
        OSError: the shard is gone.
    """
    keys = (shard / KEYS).read_bytes()
    return [keys[start : start + KEY_BYTES] for start in range(0, len(keys), KEY_BYTES)]


def _shard(path: Path) -> Shard | None:
    try:
        about = json.loads((path / ABOUT).read_text())
        return Shard(path, *_size(path), (path / ABOUT).stat().st_mtime, about)
    except (OSError, ValueError):
        return None


def _inside(folder: Path) -> list[Path]:
    """What is in a folder, sorted; nothing where another process has taken it away."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _size(folder: Path) -> tuple[int, int]:
    """Bytes and number of files."""
    sizes = [file.stat().st_size for file in _inside(folder) if file.is_file()]
    return sum(sizes), len(sizes)
