"""On which images the rows disagree most, where their runs kept what they decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mtl.errors import BadFile
from mtl.runs.samples import KeptSamples


@dataclass(frozen=True)
class Disagreement:
    """One test image.

    Args:
        sample: its id.
        qualities: of each row that has it, 1 is right and 0 is wrong; the mean over the seeds.
    """

    sample: str
    qualities: Mapping[int, float]


def kept_samples(folder: Path) -> KeptSamples | None:
    """What a run kept of its test images; a file that can't be read counts as none."""
    try:
        return KeptSamples.load(folder, "test")
    except BadFile:
        return None


def sample_qualities(runs: Sequence[KeptSamples], task: str) -> dict[str, float]:
    """By sample, the mean over the runs of a row that kept the task."""
    sums: dict[str, list[float]] = {}
    for kept in runs:
        if task in kept.tasks:
            for sample, value in zip(kept.ids(task), kept.quality(task).tolist(), strict=True):
                if np.isfinite(value):
                    sums.setdefault(sample, []).append(value)
    return {sample: sum(values) / len(values) for sample, values in sums.items()}


def largest(rows: Mapping[int, Mapping[str, float]], most: int) -> list[Disagreement]:
    """The samples on which the qualities lie furthest apart, the furthest first.

    Args:
        rows: place of each row to the quality of its samples; only samples that all have count.
        most: of them.
    """
    if len(rows) < 2:
        return []
    common = set.intersection(*(set(samples) for samples in rows.values()))
    found = [
        Disagreement(name, {place: samples[name] for place, samples in rows.items()})
        for name in common
    ]
    apart = [item for item in found if _spread(item) > 0]
    return sorted(apart, key=lambda item: (-_spread(item), item.sample))[:most]


def _spread(item: Disagreement) -> float:
    return max(item.qualities.values()) - min(item.qualities.values())
