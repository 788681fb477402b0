"""Rows whose gain over single-task networks is ruled by a metric that is near 0 alone."""

from collections.abc import Iterator, Mapping
from statistics import fmean

from mtl.runs.baselines.near_zero import ruled_line
from mtl.runs.collection.record import RunRecord
from mtl.runs.compare.comparison import ComparisonRow
from mtl.runs.compare.metrics import is_finite

Ruled = tuple[float, float, float]
"""A metric's value alone, its part in Δm, and Δm."""


def ruled_notes(row: ComparisonRow) -> Iterator[str]:
    """A sentence for each metric that rules Δm in some of a row's runs; numbers are their means."""
    found: dict[str, list[Ruled]] = {}
    for run in row.runs:
        for name, ruled in _ruled_by(run).items():
            found.setdefault(name, []).append(ruled)
    for name, of_runs in found.items():
        alone, part, total = map(fmean, zip(*of_runs, strict=True))
        some = f" ({len(of_runs)} of {len(row.runs)} runs)" if len(of_runs) < len(row.runs) else ""
        yield f"{row.label}{some}: {ruled_line(name, alone, part, total)}"


def _ruled_by(run: RunRecord) -> dict[str, Ruled]:
    """By full name of the metric; a run of an older version, or a stranger's, may say nothing."""
    gain = run.results.get("gain")
    if not isinstance(gain, Mapping):
        return {}
    parts, alone, total = gain.get("ruled_by"), gain.get("alone"), gain.get("delta_m")
    if not isinstance(parts, Mapping) or not isinstance(alone, Mapping) or not is_finite(total):
        return {}
    return {
        str(name): (float(value), float(part), float(total))
        for name, part in parts.items()
        if str(name).isprintable() and is_finite(value := alone.get(name)) and is_finite(part)
    }
