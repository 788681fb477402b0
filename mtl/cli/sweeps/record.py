"""What became of the jobs of a sweep, on disk, so that it works over processes and machines."""

import datetime
import json
import math
import os
import platform
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mtl.files import printable

FILE = "jobs.jsonl"
ENDED = ("finished", "failed", "pruned", "interrupted")
Entry = dict[str, Any]


class Record:
    """``jobs.jsonl`` in the sweep's folder: a line when a job begins, and one when it ends.

    Args:
        folder: of the sweep.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE

    def size(self) -> int:
        """Bytes written so far."""
        return self.file.stat().st_size if self.file.exists() else 0

    def last(self, start: int = 0) -> dict[str, Entry]:
        """The last word on each job, in the order in which they were first mentioned.

        Args:
            start: bytes; only what was written after the file had so many.
        """
        if not self.file.exists():
            return {}
        found: dict[str, Entry] = {}
        for line in self.file.read_bytes()[start:].decode(errors="replace").splitlines():
            try:
                entry = json.loads(line)
                found[str(entry["job"])] = entry
            except (ValueError, TypeError, KeyError, RecursionError):
                # Half of a line, of a process that was killed or a disk that was full.
                continue
        return found

    def started(self, job: str, took: str) -> None:
        """A job begins.

        Args:
            job: its name.
            took: what it has for itself.
        """
        self._append(job, "running", host=platform.node(), pid=os.getpid(), took=took)

    def finished(
        self, job: str, score: float, gain: float | None, seconds: float, values: Sequence[float]
    ) -> None:
        """A job ended well.

        Args:
            job: its name.
            score: what it was to reach, NaN where it has none.
            gain: over single-task baselines, a share, where it was asked for.
            seconds: that it took.
            values: what a search wanted to know, NaN for what isn't there.
        """
        own: Entry = {} if gain is None else {"gain": gain}
        if values:
            own["values"] = [_number(value) for value in values]
        self._append(job, "finished", score=_number(score), seconds=round(seconds, 1), **own)

    def failed(self, folder: Path, error: Exception) -> None:
        """A job failed.

        The run itself writes its status once it has begun; before that it is written here. A
        folder with a configuration belongs to a run that did begin.

        Args:
            folder: of the job.
            error: what was raised.
        """
        message = " ".join(str(error).split()) or type(error).__name__
        if not (folder / "config.yaml").exists():
            folder.mkdir(parents=True, exist_ok=True)
            status = {"state": "failed", "error": message}
            (folder / "status.json").write_text(json.dumps(status, indent=2) + "\n")
            trace = "".join(traceback.format_exception(error))
            (folder / "traceback.txt").write_text(printable(trace))
        print(f"mtl: {folder.name}: {printable(message)}", file=sys.stderr, flush=True)
        self._append(folder.name, "failed", score=None, error=message)

    def pruned(self, job: str, why: str) -> None:
        """A search gave up on a job."""
        self._append(job, "pruned", why=why)

    def interrupted(self, job: str) -> None:
        """A job was ended from outside."""
        self._append(job, "interrupted")

    def elsewhere(self, job: str) -> None:
        """Another process has the job's folder."""
        self._append(job, "elsewhere")

    def _append(self, job: str, state: str, **entry: object) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        # One write in append mode: lines of jobs that end together do not mix.
        with self.file.open("a") as file:
            file.write(json.dumps({"job": job, "state": state, **entry, "at": now}) + "\n")


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
