"""``mtl rerun``: whether a run's numbers come out again."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtl.config.measures import CHANGE, GAIN
from mtl.errors import BadFile
from mtl.files import read_json
from mtl.words import agreeing, counted


@dataclass(frozen=True)
class Mismatch:
    """A metric that did not come out again.

    Args:
        name: its full name.
        before: its value, None where only the new run has it.
        now: likewise.
    """

    name: str
    before: float | None
    now: float | None

    @property
    def size(self) -> float:
        """How far apart, infinite where one is missing or not finite."""
        if self.before is None or self.now is None:
            return math.inf
        apart = abs(self.before - self.now)
        return apart if math.isfinite(apart) else math.inf


def surroundings(run: Path) -> list[str]:
    """What is not as it was when a run was made, a line each.

    Args:
        run: the run's folder, perhaps a stranger's.
    """
    from mtl.runs.environment import DIFF, FILE, differing, environment, uncommitted  # torch

    try:
        before = read_json(run / FILE)
    except BadFile as error:
        return [f"{error}: what it was made with is not known"]
    if not before:
        return [f"{run / FILE} is missing: what it was made with is not known"]
    found = differing(before, environment())
    lines = [f"made with other versions or devices: {'; '.join(found)}"] if found else []
    if before.get("dirty") is True:
        kept = run / DIFF
        where = f"see {kept}" if kept.is_file() else "the difference was not kept"
        lines.append(f"its code was not as committed: {where}")
    if uncommitted().dirty:
        lines.append("the code is not as committed now: git diff HEAD")
    if before.get("commit") is None:
        return lines or ["same versions and device as then; of which commit it was is not known"]
    return lines or ["same versions, commit and device as then"]


def numbers(results: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of a results.json, which may be a stranger's."""
    found = results.get("metrics")
    items = found.items() if isinstance(found, Mapping) else ()
    return {
        name: float(value)
        for name, value in items
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def without_later_gain(before: Mapping[str, float], now: Mapping[str, float]) -> dict[str, float]:
    """The metrics of a run, less the gain that ``mtl baselines`` may have added to them later.

    Args:
        before: of the run.
        now: of the repetition, which has a gain of its own where the run itself trained baselines.
    """
    return {
        name: value
        for name, value in before.items()
        if name in now or name.rpartition("/")[2] not in (GAIN, CHANGE)
    }


def differences(before: Mapping[str, float], now: Mapping[str, float]) -> list[Mismatch]:
    """The metrics that differ, the largest difference first; equal ones agree to the last digit.

    Args:
        before: name to value; two values that are no number are equal.
        now: likewise.
    """
    found = [
        Mismatch(name, before.get(name), now.get(name))
        for name in dict.fromkeys([*before, *now])
        if not _equal(before.get(name), now.get(name))
    ]
    return sorted(found, key=lambda mismatch: -mismatch.size)


def verdict(before: Mapping[str, float], now: Mapping[str, float]) -> str:
    """Whether the numbers agree, in one line.

    Args:
        before: see ``differences``.
        now: likewise.
    """
    if not before:
        return "the run left no metrics to compare with"
    found = differences(before, now)
    total = len(before.keys() | now.keys())
    if not found:
        which = agreeing(total, "the only metric agrees", f"all {total} metrics agree")
        return f"{which} to the last digit"
    largest = found[0]
    size = f"{largest.size:.3g}" if math.isfinite(largest.size) else "not a number"
    differ = f"{counted(total, 'metric')} {agreeing(len(found), 'differs', 'differ')}"
    return f"{len(found)} of {differ}; the largest difference: {largest.name} {size}"


def rows(before: Mapping[str, float], now: Mapping[str, float]) -> list[list[str]]:
    """Name, value then, value now and difference of each metric that differs, for a table."""
    return [
        [found.name, _shown(found.before), _shown(found.now), f"{found.size:.3g}"]
        for found in differences(before, now)
    ]


def _equal(left: float | None, right: float | None) -> bool:
    if left is None or right is None:
        return left is right
    return left == right or (math.isnan(left) and math.isnan(right))


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"
