"""What became of the jobs of a sweep, on disk, so that it works over processes."""

import json
import math
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mtl.cli.table import print_rows
from mtl.runs.baselines.percent import percent


class Record:
    """``jobs.jsonl`` in the sweep's folder: one line per job that ended.

    Args:
        folder: of the sweep.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / "jobs.jsonl"

    def size(self) -> int:
        """Bytes written so far."""
        return self.file.stat().st_size if self.file.exists() else 0

    def since(self, start: int) -> list[dict[str, Any]]:
        """The entries written after the file had ``start`` bytes."""
        if not self.file.exists():
            return []
        lines = self.file.read_bytes()[start:].decode().splitlines()
        return [json.loads(line) for line in lines]

    def finished(self, folder: Path, score: float, gain: float | None) -> None:
        """A job ended well.

        Args:
            folder: of the job.
            score: what it was to reach, NaN where it has none.
            gain: over single-task baselines, a share, where it was asked for.
        """
        own = {} if gain is None else {"gain": gain}
        score_or_none = None if math.isnan(score) else score
        self._append(folder, state="finished", score=score_or_none, **own)

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
            (folder / "traceback.txt").write_text(trace)
        print(f"mtl: {folder.name}: {message}", file=sys.stderr, flush=True)
        self._append(folder, state="failed", score=None, error=message)

    def _append(self, folder: Path, **entry: object) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        # One write in append mode: lines of jobs that end together do not mix.
        with self.file.open("a") as file:
            file.write(json.dumps({"job": folder.name, **entry}) + "\n")


def print_table(entries: Sequence[dict[str, Any]], folder: Path) -> None:
    """Name, state, score and gain of each job, and where they lie."""
    head = ["job", "state", "score"]
    if any("gain" in entry for entry in entries):
        head.append("gain")
    rows = [_row(entry)[: len(head)] for entry in entries]
    colours = {"finished": "green", "failed": "bold red"}
    print_rows(rows, header=head, right=[2, 3], styles=colours)
    print(f"sweep folder: {folder}", flush=True)


def _row(entry: Mapping[str, Any]) -> tuple[str, str, str, str]:
    score, gain = entry.get("score"), entry.get("gain")
    shown = "" if score is None else f"{score:.4f}"
    return entry["job"], entry["state"], shown, "" if gain is None else percent(gain)
