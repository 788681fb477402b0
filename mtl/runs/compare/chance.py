"""What compared metrics come to without a look at the images."""

from collections.abc import Iterable

from mtl.runs.chance import read_levels
from mtl.runs.collection.record import RunRecord


def chance_of(runs: Iterable[RunRecord]) -> dict[str, float]:
    """Full name of a metric of the test split to its level.

    Those are absent of which runs know different ones: their images differ.

    Args:
        runs: that have finished.
    """
    found: dict[str, set[float]] = {}
    for run in runs:
        for task, levels in read_levels(run.path).items():
            for metric, level in levels.items():
                found.setdefault(f"test/{task}/{metric}", set()).add(level)
    return {name: levels.pop() for name, levels in found.items() if len(levels) == 1}
