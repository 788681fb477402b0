"""What has to be known of rows' gains over single-task networks."""

from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import Any

from mtl.runs.baselines.near_zero import ruled_line
from mtl.runs.baselines.words import reasons
from mtl.runs.collection.record import RunRecord
from mtl.runs.compare.comparison import ComparisonRow
from mtl.runs.compare.metrics import is_finite
from mtl.runs.compare.settings import in_print

Ruled = tuple[float, float, float]
"""A metric's value alone, its part in Δm, and Δm."""


def gain_notes(row: ComparisonRow) -> Iterator[str]:
    """Why runs have no Δm, and which metrics rule it where they have one; numbers are means."""
    ruled: dict[str, list[Ruled]] = {}
    missing: dict[str, int] = {}
    for run in row.runs:
        if why := _missing(run):
            missing[why] = missing.get(why, 0) + 1
        for name, found in _ruled_by(run).items():
            ruled.setdefault(name, []).append(found)
    for why, count in missing.items():
        yield f"{_runs(row, count)}: no Δm ({why})"
    for name, of_runs in ruled.items():
        alone, part, total = map(fmean, zip(*of_runs, strict=True))
        yield f"{_runs(row, len(of_runs))}: {ruled_line(name, alone, part, total)}"


def _runs(row: ComparisonRow, count: int) -> str:
    return row.label if count == len(row.runs) else f"{row.label} ({count} of {len(row.runs)} runs)"


def _missing(run: RunRecord) -> str:
    gain = _gain(run)
    left_out = gain.get("left_out")
    if gain.get("delta_m") is not None or not isinstance(left_out, Mapping):
        return ""
    return in_print(reasons({str(name): str(reason) for name, reason in left_out.items()}))


def _ruled_by(run: RunRecord) -> dict[str, Ruled]:
    """By full name of the metric."""
    gain = _gain(run)
    parts, alone, total = gain.get("ruled_by"), gain.get("alone"), gain.get("delta_m")
    if not isinstance(parts, Mapping) or not isinstance(alone, Mapping) or not is_finite(total):
        return {}
    return {
        in_print(str(name)): (float(value), float(part), float(total))
        for name, part in parts.items()
        if is_finite(value := alone.get(name)) and is_finite(part)
    }


def _gain(run: RunRecord) -> Mapping[str, Any]:
    """Perhaps a stranger's, or of an older version."""
    gain = run.results.get("gain")
    return gain if isinstance(gain, Mapping) else {}
