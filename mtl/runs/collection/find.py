"""All runs in folders, sweeps' folders and globs."""

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path

from mtl.config.paths import SWEEP_FILE
from mtl.config.saved import hint
from mtl.errors import BadFile, UserError
from mtl.runs.collection.read import is_run, read_run
from mtl.runs.collection.record import FoundRuns, PassedOver, RunRecord

DEEPEST = 4
"""Folders below a given one that are looked into: ``outputs`` holds ``sweeps/NAME/JOB``."""


def find_runs(patterns: Sequence[str | Path], key: str = "runs") -> FoundRuns:
    """Read all runs there are.

    Args:
        patterns: folders of runs, folders that hold such (a sweep's, or ``outputs``), or globs of
            either; ``~`` is the home folder.
        key: with which they were named on the command line.

    Returns:
        Each folder once. What can't be read is named with the reason, not raised.

    Raises:
        UserError: a pattern matches nothing.
    """
    runs: list[RunRecord] = []
    passed: list[PassedOver] = []
    seen: set[Path] = set()
    for pattern in patterns:
        here: list[RunRecord] = []
        for folder in _candidates(str(pattern), key):
            if folder.resolve() in seen:
                continue
            seen.add(folder.resolve())
            try:
                here.append(read_run(folder))
            except BadFile as bad:
                passed.append(PassedOver(Path(bad.path), bad.reason))
        runs += sorted(here, key=lambda run: run.started)
    return FoundRuns(
        tuple(run for run in runs if run.finished),
        tuple(run for run in runs if not run.finished),
        tuple(passed),
    )


def _candidates(pattern: str, key: str) -> Iterator[Path]:
    """The folders that a pattern stands for, those of a glob by name."""
    text = str(Path(pattern).expanduser())
    if glob.has_magic(text):
        # Files beside the jobs of a sweep match its glob too.
        found = sorted(p for p in map(Path, glob.glob(text, recursive=True)) if p.is_dir())  # noqa: PTH207 - absolute patterns too
    else:
        found = [Path(text)] if Path(text).is_dir() else []
    if not found:
        what = "a file of no run" if Path(text).is_file() else "no such folder"
        what = "no folder matches" if glob.has_magic(text) else what
        raise UserError(f"{key}={pattern}: {what}{hint(Path(text), key)}")
    for folder in found:
        inside = list(_runs_in(folder, DEEPEST))
        yield from inside or [folder]


def _runs_in(folder: Path, depth: int) -> Iterator[Path]:
    if is_run(folder):
        yield folder
    elif depth:
        jobs = (folder / SWEEP_FILE).is_file()
        for child in sorted(folder.iterdir()):
            if child.is_dir() and not child.name.startswith("."):
                inside = list(_runs_in(child, depth - 1))
                # In a sweep's folder every folder should be a run: one that isn't is named.
                yield from inside or ([child] if jobs else [])
