"""Metrics over the angle of the images, from ``eval/rotation_test.json``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mtl.files import read_json
from mtl.runs.page.gather.numbers import mapping, numbers


@dataclass(frozen=True)
class Turned:
    """What ``mtl eval rotate=`` measured.

    Args:
        angles: degrees, counter-clockwise, ascending.
        metrics: full name to one value for each.
    """

    angles: list[float]
    metrics: Mapping[str, list[float]]


def read_turned(folder: Path) -> Turned | None:
    """The run's curves; None where nothing was measured, or the file is not what is written.

    Raises:
        BadFile: the file is no JSON object.
    """
    content = read_json(folder / "eval" / "rotation_test.json")
    angles = numbers(content.get("angles"))
    if not angles:
        return None
    order = sorted(range(len(angles)), key=lambda place: angles[place])
    found = {}
    for name, values in mapping(content.get("metrics")).items():
        checked = numbers(values)
        if checked and len(checked) == len(angles):
            found[name] = [checked[place] for place in order]
    return Turned(sorted(angles), found) if found else None
