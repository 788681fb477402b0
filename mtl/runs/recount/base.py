"""What one task's kept columns add up to."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Columns = Mapping[str, npt.NDArray[np.generic]]


class Recount(ABC):
    """One task over n samples.

    Args:
        columns: as the head's ``HeadSamples`` gave them.
        metric: the task's main metric.
        samples: n.

    Raises:
        KeyError: a column is missing.
        ValueError: a column has another length.
    """

    metrics: ClassVar[tuple[str, ...] | None] = None
    """Those that can be had from the columns; None for any."""

    def __init__(self, columns: Columns, metric: str, samples: int) -> None:
        self.metric = metric
        self.samples = samples

    @abstractmethod
    def score(self, weights: Floats) -> float:
        """The main metric where each sample counts so often; NaN where nothing can be measured.

        Args:
            weights: (n,) whole numbers from 0 up.
        """

    def right(self) -> npt.NDArray[np.bool_] | None:
        """(n,) whether each sample was decided rightly; None where that is no yes or no."""
        return None

    @abstractmethod
    def quality(self) -> Floats:
        """(n,) how well each sample was decided: 1 is best, 0 is worst."""


def column(columns: Columns, name: str, samples: int) -> npt.NDArray[np.generic]:
    """One column.

    Raises:
        KeyError: there is none.
        ValueError: it has another length.
    """
    found = columns[name]
    if len(found) != samples:
        raise ValueError(f"{name} has {len(found)} rows for {samples} samples")
    return found


def mean(values: Floats, weights: Floats) -> float:
    """Weighted, over the values that are not NaN; NaN without any."""
    known = ~np.isnan(values) & (weights > 0)
    total = weights[known].sum()
    return float((values[known] * weights[known]).sum() / total) if total else float("nan")
