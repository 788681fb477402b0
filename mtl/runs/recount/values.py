"""Metrics that are means of one number per sample."""

import numpy as np
import numpy.typing as npt

from mtl.runs.recount.base import Columns, Floats, Recount, column, mean


class ValueRecount(Recount):
    """``value`` (n,), whose mean is the metric, and maybe ``quality`` (n,) and ``right`` (n,)."""

    def __init__(self, columns: Columns, metric: str, samples: int) -> None:
        super().__init__(columns, metric, samples)
        self.value = column(columns, "value", samples).astype(np.float64)
        self.own = {
            name: column(columns, name, samples) for name in ("quality", "right") if name in columns
        }

    def score(self, weights: Floats) -> float:
        """The mean."""
        return mean(self.value, weights)

    def right(self) -> npt.NDArray[np.bool_] | None:
        """``right``, if there is such a column."""
        found = self.own.get("right")
        return None if found is None else found.astype(np.bool_)

    def quality(self) -> Floats:
        """``quality``, or the values themselves as far as they lie in 0..1."""
        return self.own.get("quality", self.value.clip(0, 1)).astype(np.float64)
