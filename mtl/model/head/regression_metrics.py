"""How far numbers are from the truth."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtl.data.batch import Labelled
from mtl.model.curves.explained import Floats, explained
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
        own = self.of_each(said, truth)
        by_number = {name: torch.from_numpy(own[name]).float() for name in self.metrics}
        values = {name: each.nanmean() for name, each in by_number.items()}
        return present(values, by_number if self.per_class else {}, self.names)

    def of_each(self, said: Floats, truth: Floats) -> dict[str, Floats]:
        """Every metric of each number, (K,), NaN where it has none.

        Args:
            said: (n, K).
            truth: (n, K), NaN where unknown.
        """
        known = ~np.isnan(truth)
        error = np.where(known, said - np.nan_to_num(truth), 0)
        return {
            "r2": explained(said, truth),
            "mae": own_means(np.abs(error), known),
            "rmse": np.sqrt(own_means(error**2, known)),
        }

    def reset(self) -> None:
        """Forget everything."""
        self.kept.reset()


def own_means(values: Floats, known: npt.NDArray[np.bool_]) -> Floats:
    """The mean of each column's known entries, NaN without any."""
    count = known.sum(0)
    found: Floats = np.where(known, values, 0).sum(0) / np.where(count, count, np.nan)
    return found
