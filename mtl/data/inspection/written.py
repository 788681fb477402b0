"""All that was counted, for programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mtl.data.inspection.statistics import SplitStatistics
from mtl.data.inspection.tally import Tally, spread
from mtl.files import write_json

ENDING = "_counts.json"


def write_counts(found: Sequence[SplitStatistics], picture: Path) -> Path:
    """Write ``NAME_counts.json`` beside ``NAME.png``.

    Args:
        found: one entry per split.
        picture: the path of that.

    Returns:
        Where it is.
    """
    path = picture.with_name(f"{picture.stem}{ENDING}")
    write_json(path, {str(entry.split): _split(entry) for entry in found})
    return path


def _split(entry: SplitStatistics) -> dict[str, Any]:
    return {
        "samples": entry.total,
        "looked_at": entry.looked_at,
        "broken": {broken.id: broken.reason for broken in entry.broken},
        "targets": {name: _target(tally) for name, tally in entry.tallies.items()},
    }


def _target(tally: Tally) -> dict[str, Any]:
    """Numbers of samples, of each class, and of what is not looked at; spreads as three numbers."""
    kind = tally.target.kind
    counts = dict(zip(tally.target.titles, tally.counts.tolist(), strict=True))
    return {
        "samples": tally.samples,
        "missing": tally.missing,
        **({kind.counted: counts} if counts else {}),
        **({kind.uncounted: tally.ignored} if kind.uncounted else {}),
        "min, median, max": {what: spread(values) for what, values in tally.series.items()},
    }
