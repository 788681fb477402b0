"""Numbers of each image."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mtl.data.batch import Labelled
from mtl.model.curves.base import Curves, HeadCurves
from mtl.model.curves.explained import Floats, explained
from mtl.model.curves.kept import Kept

MOST = 1000
"""Samples of a scatter plot, evenly chosen."""


class RegressionCurves(HeadCurves):
    """Truth and decision of each number, side by side.

    Args:
        titles: of the K numbers, with their units.
    """

    def __init__(self, titles: Sequence[str]) -> None:
        super().__init__()
        self.titles = tuple(titles)
        shape = (len(titles),)
        self.kept = Kept({"said": (torch.float32, shape), "truth": (torch.float32, shape)})

    def update(self, prediction: Tensor, labels: Labelled) -> None:
        """Count (n, K, ...) numbers."""
        assert isinstance(labels.value, Tensor)
        self.kept.update(said=prediction[..., 0], truth=labels.value)

    def compute(self) -> Curves:
        """See the class."""
        rows = self.kept.rows()
        said, truth = (rows[name].astype(np.float64) for name in ("said", "truth"))
        known = ~np.isnan(truth)
        if not known.any():
            return {}
        shares = explained(said, truth)
        found = {}
        for index, title in enumerate(self.titles):
            there = np.flatnonzero(known[:, index])
            if len(there):
                there = there[:: -(-len(there) // MOST)]
                share = float(shares[index])
                found[title] = {
                    "truth": _digits(truth[there, index]),
                    "predicted": _digits(said[there, index]),
                    "r2": None if np.isnan(share) else share,
                }
        return {"scatter": found, "chance": {"r2": 0.0}}

    def reset(self) -> None:
        """Forget everything."""
        self.kept.reset()


def _digits(values: Floats) -> list[float]:
    """As JSON has them, with as many digits as a picture needs."""
    return [float(f"{value:.5g}") for value in values.tolist()]
