"""What the files of a sweep say of each of its jobs; nothing here imports torch."""

import datetime
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from mtl.cli.sweeps.record import Entry, Record
from mtl.files import read_json
from mtl.runs.lock import is_held

SILENT = 900.0
"""Seconds without a sign of life after which a job on another machine counts as cut off."""


@dataclass(frozen=True)
class SeenJob:
    """A job as its files show it.

    Args:
        name: of its folder.
        state: ``waiting``, ``running``, ``finished``, ``failed``, ``pruned`` or ``cut off``.
        note: its score, or why it failed, or since when it runs and on what.
        began: seconds since the epoch; None where that isn't known.
        seconds: that it took; None where it hasn't finished.
    """

    name: str
    state: str
    note: str = ""
    began: float | None = None
    seconds: float | None = None


def look(folder: Path, about: Mapping[str, Any], now: float) -> list[SeenJob]:
    """All jobs that are known, in the order of the plan.

    Args:
        folder: of the sweep.
        about: the content of its ``sweep.json``; a search names no jobs there.
        now: seconds since the epoch.
    """
    said = Record(folder).last()
    names = dict.fromkeys([*about.get("names", []), *said])
    return [_seen(folder / name, said.get(name, {}), now) for name in names]


def forecast(jobs: Sequence[SeenJob], waiting: int, now: float) -> float | None:
    """Seconds until all are done, if each takes as long as those before; None: there are none.

    Args:
        jobs: those that are known.
        waiting: how many have not begun, or have to begin again.
        now: seconds since the epoch.
    """
    took = [job.seconds for job in jobs if job.seconds is not None]
    running = [job for job in jobs if job.state == "running"]
    if not took or not running:
        return None
    usual = mean(took)
    # A clock that was set back would have jobs begin later than now.
    gone = [max(now - job.began, 0.0) for job in running if job.began is not None]
    begun = [max(usual - seconds, 0.0) for seconds in gone]
    return (sum(begun) + waiting * usual) / len(running)


def _seen(folder: Path, entry: Entry, now: float) -> SeenJob:
    status = read_json(folder / "status.json")
    state = entry.get("state", status.get("state"))
    if state == "finished" or status.get("state") == "finished":
        score = entry.get("score")
        shown = "" if score is None else f"{score:.4f}"
        return SeenJob(folder.name, "finished", shown, seconds=entry.get("seconds"))
    if state == "failed":
        return SeenJob(folder.name, "failed", str(entry.get("error", status.get("error", ""))))
    if state == "pruned":
        return SeenJob(folder.name, "pruned", str(entry.get("why", status.get("why", ""))))
    if _is_alive(folder, entry, now):
        took = f", {entry['took']}" if entry.get("took") else ""
        where = f"on {entry['host']}{took}" if "host" in entry else "in another process"
        return SeenJob(folder.name, "running", where, began=_seconds(entry.get("at")))
    if state in (None, "elsewhere"):
        # Elsewhere: the process that had it has ended, and who found that it had goes on with it.
        return SeenJob(folder.name, "waiting")
    return SeenJob(folder.name, "cut off", "goes on with the same command")


def _is_alive(folder: Path, entry: Entry, now: float) -> bool:
    if is_held(folder):
        return True
    if entry.get("state") != "running":
        return False
    if entry.get("host") == platform.node():
        return _exists(int(entry["pid"]))
    signs = [file.stat().st_mtime for file in folder.glob("*")] if folder.is_dir() else []
    return now - max([*signs, _seconds(entry.get("at")) or 0.0]) < SILENT


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _seconds(text: str | None) -> float | None:
    return None if text is None else datetime.datetime.fromisoformat(text).timestamp()
