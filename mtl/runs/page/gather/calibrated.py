"""What ``mtl calibrate`` found, from ``calibration.json``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mtl.files import read_json
from mtl.runs.calibration.file import FILE
from mtl.runs.page.gather.numbers import mapping, number, numbers


@dataclass(frozen=True)
class Calibrated:
    """A task's temperature, and what it changes.

    Args:
        temperature: that logits are divided by.
        before: expected calibration error without it.
        after: with it.
    """

    temperature: float
    before: float
    after: float


def read_calibrated(folder: Path) -> Mapping[str, Calibrated]:
    """By task; those that have thresholds alone, or entries that nobody of us wrote, are left out.

    Raises:
        BadFile: the file is no JSON object.
    """
    found = {}
    for task, entry in mapping(read_json(folder / FILE).get("tasks")).items():
        own = mapping(entry)
        temperature, errors = number(own.get("temperature")), numbers(own.get("ece"))
        if temperature is not None and errors is not None and len(errors) == 2:
            found[task] = Calibrated(temperature, *errors)
    return found
