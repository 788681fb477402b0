"""What has to be known of rows' gains over single-task networks."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from mtl.config.nearest import listing
from mtl.runs.baselines.near_zero import ruled_line
from mtl.runs.baselines.words import reasons
from mtl.runs.collection.record import RunRecord
from mtl.runs.compare.comparison import ComparisonRow
from mtl.runs.compare.metrics import is_finite
from mtl.runs.compare.settings import in_print

Ruled = tuple[float, float, float]
"""A metric's value alone, its part in Δm, and Δm."""
FEW = 3
"""Rows that are named; of more it is said how many."""


def gain_notes(rows: Sequence[ComparisonRow]) -> Iterator[str]:
    """Why runs have no Δm, and which metrics rule it where they have one.

    What is so of several rows is said once.

    Args:
        rows: of a comparison.
    """
    ruled: dict[str, dict[str, Ruled]] = {}
    missing: dict[str, list[str]] = {}
    for row in rows:
        for why, count in _missing(row).items():
            missing.setdefault(why, []).append(_runs(row, count))
        for name, of_runs in _ruled(row).items():
            alone, part, total = map(fmean, zip(*of_runs, strict=True))
            ruled.setdefault(name, {})[_runs(row, len(of_runs))] = (alone, part, total)
    for why, whose in missing.items():
        yield f"{_rows(whose)}: no Δm ({why})"
    for name, found in ruled.items():
        values = [of_row[0] for of_row in found.values()]
        if len(found) == 1:
            yield f"{next(iter(found))}: {ruled_line(name, *next(iter(found.values())))}"
        else:
            ends = dict.fromkeys(f"{value:.3g}" for value in (min(values), max(values)))
            yield (
                f"{name} is {' to '.join(ends)} alone, so near to 0 that any "
                f"change is large: it rules the gain of {_rows([*found])}; look at its own values"
            )


def _rows(names: Sequence[str]) -> str:
    return listing(names) if len(names) <= FEW else f"{len(names)} rows"


def _runs(row: ComparisonRow, count: int) -> str:
    return row.name if count == len(row.runs) else f"{row.name} ({count} of {len(row.runs)} runs)"


def _missing(row: ComparisonRow) -> dict[str, int]:
    """Reasons for which runs have no Δm, with how many have them."""
    found: dict[str, int] = {}
    for run in row.runs:
        gain = _gain(run)
        left_out = gain.get("left_out")
        if gain.get("delta_m") is None and isinstance(left_out, Mapping) and left_out:
            why = in_print(reasons({str(name): str(reason) for name, reason in left_out.items()}))
            found[why] = found.get(why, 0) + 1
    return found


def _ruled(row: ComparisonRow) -> dict[str, list[Ruled]]:
    """By full name of the metric, of each run in which it rules."""
    found: dict[str, list[Ruled]] = {}
    for run in row.runs:
        gain = _gain(run)
        parts, alone, total = gain.get("ruled_by"), gain.get("alone"), gain.get("delta_m")
        if isinstance(parts, Mapping) and isinstance(alone, Mapping) and is_finite(total):
            for name, part in parts.items():
                if is_finite(value := alone.get(name)) and is_finite(part):
                    own = (float(value), float(part), float(total))
                    found.setdefault(in_print(str(name)), []).append(own)
    return found


def _gain(run: RunRecord) -> Mapping[str, Any]:
    """Perhaps a stranger's, or of an older version."""
    gain = run.results.get("gain")
    return gain if isinstance(gain, Mapping) else {}
