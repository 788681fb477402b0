"""Everything beside results.json that a page takes from one run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mtl.errors import BadFile
from mtl.runs.collection.record import RunRecord
from mtl.runs.page.gather.calibrated import Calibrated, read_calibrated
from mtl.runs.page.gather.command import read_command
from mtl.runs.page.gather.decisions import TaskDecisions, read_decisions
from mtl.runs.page.gather.scalars import Logged, read_scalars
from mtl.runs.page.gather.turned import Turned, read_turned

T = TypeVar("T")


@dataclass(frozen=True)
class Evidence:
    """What lies in a run's folder.

    Args:
        run: the record.
        scalars: logged numbers by name.
        decisions: curves and confusions by task.
        turned: metrics over the angle, if they were measured.
        calibrated: what ``mtl calibrate`` found, by task.
        command: that made the run; empty where the log doesn't say.
        problems: files that can't be read, with the reason.
    """

    run: RunRecord
    scalars: Mapping[str, Logged]
    decisions: Mapping[str, TaskDecisions]
    turned: Turned | None
    calibrated: Mapping[str, Calibrated]
    command: str
    problems: tuple[str, ...]


def gather(run: RunRecord) -> Evidence:
    """Read a run's folder; what can't be read is named in ``problems``."""
    problems: list[str] = []

    def unless_broken(read: Callable[[Path], T], otherwise: T) -> T:
        try:
            return read(run.path)
        except BadFile as bad:
            problems.append(str(bad))
            return otherwise

    nothing: dict[str, TaskDecisions] = {}
    decisions = unless_broken(read_decisions, nothing)
    turned = unless_broken(read_turned, None)
    uncalibrated: Mapping[str, Calibrated] = {}
    calibrated = unless_broken(read_calibrated, uncalibrated)
    scalars, command = read_scalars(run.path), read_command(run.path)
    return Evidence(run, scalars, decisions, turned, calibrated, command, tuple(problems))
