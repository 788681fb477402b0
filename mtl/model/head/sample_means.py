"""Metrics that are means of one number per sample."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from mtl.data.batch import Labelled
from mtl.model.head.base import HeadMetrics

Errors = Callable[[Tensor, Tensor], Mapping[str, Tensor]]


class SampleMeans(HeadMetrics):
    """Means over samples.

    Args:
        names: of the metrics to compute, in this order.
        errors: takes n decisions and their truth, and says of each metric its (n,) values.
    """

    def __init__(self, names: Sequence[str], errors: Errors) -> None:
        super().__init__()
        self.names = tuple(names)
        self.errors = errors
        self._sums = _Sums(len(self.names))

    def update(self, prediction: Tensor, labels: Labelled) -> None:
        """Count n samples."""
        assert isinstance(labels.value, Tensor)
        columns = self.errors(prediction, labels.value)
        self._sums.update(torch.stack([columns[name] for name in self.names], dim=1))

    def compute(self) -> dict[str, Tensor]:
        """Metric name to scalar; empty when nothing was counted."""
        if not self._sums.update_called:  # nothing to add, but other ranks may wait for us
            self._sums.update(torch.zeros((0, len(self.names)), device=self._sums.device))
        sums, count = self._sums.compute()
        # torchmetrics makes a scalar of one number.
        return {} if count == 0 else dict(zip(self.names, sums.reshape(-1) / count, strict=True))

    def reset(self) -> None:
        """Forget everything."""
        self._sums.reset()


class _Sums(Metric):
    """Column sums and the number of rows."""

    full_state_update = False
    sums: Tensor
    count: Tensor

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.add_state("sums", torch.zeros(columns), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(()), dist_reduce_fx="sum")

    def update(self, rows: Tensor) -> None:
        self.sums += rows.sum(dim=0)
        self.count += len(rows)

    def compute(self) -> tuple[Tensor, Tensor]:
        return self.sums, self.count
