"""``calibration.json`` of a run's folder, which may be a stranger's; nothing here imports torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtl.errors import BadFile
from mtl.files import read_json
from mtl.model.calibration.values import COLDEST, HOTTEST, TaskCalibration

FILE = "calibration.json"
KEY = "mtl_calibration"
VERSION = 1
"""Raised when a file means something else than before."""
MOST_BYTES = 20_000_000
NAMED = 40
"""Letters of a name that a message repeats."""


@dataclass(frozen=True)
class RunCalibration:
    """What a run's network is calibrated with.

    Args:
        network: identifies it; see ``mtl.runs.calibration.use.identity``.
        tasks: by name.
    """

    network: str
    tasks: Mapping[str, TaskCalibration]

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {task: vars(own) for task, own in self.tasks.items()}

    @property
    def in_words(self) -> str:
        """``temperature of classification; thresholds of detection``."""
        parts = {
            "temperature": [t for t, own in self.tasks.items() if own.temperature != 1],
            "thresholds": [t for t, own in self.tasks.items() if own.thresholds],
        }
        found = [f"{what} of {', '.join(tasks)}" for what, tasks in parts.items() if tasks]
        return "; ".join(found) or "nothing was found to change"


def read_calibration(folder: Path) -> RunCalibration | None:
    """What ``mtl calibrate`` left in a run's folder, if anything.

    Raises:
        BadFile: the file is of somebody else, of another version, or holds what none of ours holds.
    """
    path = folder / FILE
    if not path.exists():
        return None
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        raise _bad(path, f"is no file of less than {MOST_BYTES:,} bytes")
    content = read_json(path)
    version, network, tasks = (content.get(key) for key in (KEY, "network", "tasks"))
    if type(version) is not int or not isinstance(tasks, dict) or not isinstance(network, str):
        raise _bad(path, "is not what mtl calibrate writes")
    if version != VERSION:
        raise _bad(path, f"is of version {version}, and this mtl reads version {VERSION}")
    return RunCalibration(network, {task: _task(path, task, own) for task, own in tasks.items()})


def _task(path: Path, task: str, content: object) -> TaskCalibration:
    found = content if isinstance(content, dict) else {}
    temperature, thresholds = found.get("temperature"), found.get("thresholds")
    task = task[:NAMED]
    if not _within(temperature, COLDEST, HOTTEST):
        raise _bad(path, f"{task}: the temperature is no number from {COLDEST:g} to {HOTTEST:g}")
    if not isinstance(thresholds, dict):
        raise _bad(path, f"{task}: has no thresholds by class")
    for name, value in thresholds.items():
        if not _within(value, 0, 1):
            raise _bad(path, f"{task}: the threshold of {name[:NAMED]!r} is no number from 0 to 1")
    return TaskCalibration(
        float(found["temperature"]), {name: float(value) for name, value in thresholds.items()}
    )


def _within(value: object, low: float, high: float) -> bool:
    """Whether it is a number between; NaN is between nothing."""
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _bad(path: Path, reason: str) -> BadFile:
    return BadFile(path, f"{reason}; remove it, or write it anew: mtl calibrate run={path.parent}")
