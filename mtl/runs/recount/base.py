"""What one task's kept columns add up to."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from mtl.runs.recount.content import SampleContent

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

    def contents(self, row: int) -> tuple[SampleContent, SampleContent] | None:
        """What was decided on a sample, and what is true of it; None where neither was kept.

        Args:
            row: 0 to n - 1.
        """
        return None


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


def box_column(columns: Columns, name: str, rows: int) -> Floats:
    """A column of boxes, (rows, 4) xyxy in 0..1.

    Raises:
        KeyError: there is none.
        ValueError: it has another shape.
    """
    found = column(columns, name, rows).astype(np.float64)
    if found.shape != (rows, 4):
        raise ValueError(f"{name} is {found.shape}, and boxes are (n, 4)")
    return np.nan_to_num(found).clip(0, 1)
