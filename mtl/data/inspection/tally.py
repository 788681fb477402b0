"""What one target of one split amounts to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np
import numpy.typing as npt

from mtl.data.sample import Target


@dataclass
class Tally:
    """Running counts of one target.

    Args:
        target: what is counted.
        samples: how many samples have the target.
        missing: ids of those that lack it.
        counts: (C,) int64 by class, of what the target's kind counts (its ``counted``).
        ignored: what neither loss nor metrics look at (the kind's ``uncounted``).
        series: numbers of which the spread is told, by what they are.
    """

    target: Target
    samples: int = 0
    missing: list[str] = field(default_factory=list)
    counts: npt.NDArray[np.int64] = field(init=False)
    ignored: int = 0
    series: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.counts = np.zeros(len(self.target.classes), np.int64)

    def add(self, value: object) -> None:
        """Count one sample's value of this target."""
        self.samples += 1
        self.target.kind.count(self, value)

    def note(self, what: str, *numbers: float) -> None:
        """Add numbers to a series."""
        self.series.setdefault(what, []).extend(numbers)

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """(C,) parts in 0..1: of the samples, or of all that was counted."""
        whole = self.samples if self.target.kind.per_sample else int(self.counts.sum())
        return self.counts / max(1, whole)


def spread(values: Sequence[float]) -> tuple[float, float, float] | None:
    """Smallest, median and largest; None of nothing."""
    return (min(values), median(values), max(values)) if values else None
