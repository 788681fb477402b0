"""Rows that are kept as they come, until a curve is made of all of them."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from mtl.model.head.scores import quietly


class Kept(Metric):
    """Columns of equally many rows, gathered over ranks.

    Args:
        columns: name to the type of its numbers and the shape of a row.
    """

    full_state_update = False

    def __init__(self, columns: Mapping[str, tuple[torch.dtype, tuple[int, ...]]]) -> None:
        super().__init__()
        self.columns = dict(columns)
        for name in columns:
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, **rows: Tensor) -> None:
        """Keep (n, ...) rows of each column."""
        for name, (dtype, _) in self.columns.items():
            getattr(self, name).append(rows[name].detach().to(dtype))

    def compute(self) -> dict[str, npt.NDArray[Any]]:
        """Each column's rows, in main memory."""
        found = {}
        for name, (dtype, shape) in self.columns.items():
            kept = getattr(self, name)
            # A list, or a tensor once ranks have shared theirs.
            rows = dim_zero_cat(kept) if len(kept) else torch.zeros((0, *shape), dtype=dtype)
            found[name] = rows.cpu().numpy()
        return found

    def rows(self) -> dict[str, npt.NDArray[Any]]:
        """``compute``, without a warning where nothing was kept."""
        return cast(dict[str, npt.NDArray[Any]], quietly(self))

    def _sync_dist(self, *args: Any, **kwargs: Any) -> None:
        # A rank without a row would send a tensor of another shape and type than the others.
        for name, (dtype, shape) in self.columns.items():
            if len(getattr(self, name)) == 0:
                setattr(self, name, [torch.zeros((0, *shape), dtype=dtype, device=self.device)])
        super()._sync_dist(*args, **kwargs)


def counted(indices: npt.NDArray[np.integer[Any]], length: int) -> npt.NDArray[np.int64]:
    """How often each of the numbers 0 .. length - 1 is among the indices."""
    return np.bincount(indices.ravel(), minlength=length).astype(np.int64)
