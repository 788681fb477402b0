"""How far numbers are from the truth."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mtl.data.batch import Labelled
from mtl.model.curves.explained import explained
from mtl.model.curves.kept import Kept
from mtl.model.head.base import HeadMetrics
from mtl.model.head.scores import present

METRICS = ("r2", "mae", "rmse")


class RegressionMetrics(HeadMetrics):
    """R², mean absolute and root mean squared error of each number, and their means over numbers.

    Errors are in each number's own unit, so that their means say something where all have the same.
    R² is 0 where the mean of the split would be as good or better (see ``explained``), and absent
    for numbers that are the same in every sample.

    Args:
        names: of the K numbers.
        metrics: of ``r2``, ``mae``, ``rmse``.
        per_class: adds ``<metric>_<number>`` where there are several numbers.
    """

    def __init__(self, names: Sequence[str], metrics: Sequence[str], per_class: bool) -> None:
        super().__init__()
        self.names = tuple(names)
        self.metrics = tuple(metrics)
        self.per_class = per_class and len(names) > 1
        shape = (len(names),)
        self.kept = Kept({"said": (torch.float32, shape), "truth": (torch.float32, shape)})

    def update(self, prediction: Tensor, labels: Labelled) -> None:
        """Count (n, K, ...) numbers."""
        assert isinstance(labels.value, Tensor)
        self.kept.update(said=prediction[..., 0], truth=labels.value)

    def compute(self) -> dict[str, Tensor]:
        """Metric name to scalar."""
        rows = self.kept.rows()
        said, truth = (rows[name].astype(np.float64) for name in ("said", "truth"))
        known = ~np.isnan(truth)
        error = np.where(known, said - np.nan_to_num(truth), 0)
        count = known.sum(0)
        own = {
            "r2": explained(said, truth),
            "mae": np.divide(np.abs(error).sum(0), count, where=count > 0, out=_unknown(count)),
            "rmse": np.sqrt(
                np.divide((error**2).sum(0), count, where=count > 0, out=_unknown(count))
            ),
        }
        by_number = {name: torch.from_numpy(own[name]).float() for name in self.metrics}
        values = {name: each.nanmean() for name, each in by_number.items()}
        return present(values, by_number if self.per_class else {}, self.names)

    def reset(self) -> None:
        """Forget everything."""
        self.kept.reset()


def _unknown(count: np.ndarray) -> np.ndarray:
    return np.full(len(count), np.nan)
