"""Metrics that are means of one number per sample."""

import numpy as np
import numpy.typing as npt

from mtl.runs.recount.base import Columns, Floats, Recount, box_column, column, mean
from mtl.runs.recount.content import SampleContent

BOXES = ("said_box", "true_box")


class ValueRecount(Recount):
    """``value`` (n,), whose mean is the metric; maybe ``quality`` and ``right`` (n,).

    Where one box is decided on, ``said_box`` and ``true_box`` (n, 4) are shares of the picture.
    """

    def __init__(self, columns: Columns, metric: str, samples: int) -> None:
        super().__init__(columns, metric, samples)
        self.value = column(columns, "value", samples).astype(np.float64)
        self.own = {
            name: column(columns, name, samples) for name in ("quality", "right") if name in columns
        }
        self.boxes = [box_column(columns, name, samples) for name in BOXES if name in columns]

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

    def contents(self, row: int) -> tuple[SampleContent, SampleContent] | None:
        """The two boxes, if they were kept."""
        if len(self.boxes) < len(BOXES):
            return None
        said, true = (SampleContent(boxes=column[[row]]) for column in self.boxes)
        return said, true
