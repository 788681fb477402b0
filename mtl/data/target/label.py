"""One class per sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from mtl.data.sample import IGNORE_LABEL
from mtl.data.target.base import Column, TargetKind

if TYPE_CHECKING:
    from mtl.data.batch import BatchValue
    from mtl.data.inspection.tally import Tally
    from mtl.data.sample import Target


class LabelKind(TargetKind):
    """A class index, int; in a column (N,) int64, IGNORE_LABEL where a sample lacks it."""

    dtype = np.int64
    unknown: ClassVar[float] = IGNORE_LABEL
    exclusive: ClassVar[bool] = True
    counted: ClassVar[str] = "samples"
    uncounted: ClassVar[str | None] = None

    def exact(self, value: Any) -> int:
        """A plain int."""
        return int(self._in_dtype(value).item())

    def misfit(self, value: int, target: Target) -> str | None:
        """A number that is no class's."""
        count = len(target.classes)
        return None if 0 <= value < count else f"is {value}, but the classes are 0 to {count - 1}"

    def is_unknown(self, values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Anything below 0."""
        return np.asarray(values < 0, np.bool_)

    def strata(self, column: Column) -> list[Any]:
        """The labels."""
        labels: list[Any] = np.asarray(column).tolist()
        return labels

    def collate(self, values: Any) -> Tensor:
        """(n,) int64."""
        return torch.tensor([int(value) for value in values], dtype=torch.int64)

    def numbers(self, value: Tensor | BatchValue, target: Target) -> Tensor:
        """A column of 0 and 1 for each class."""
        assert isinstance(value, Tensor)
        return F.one_hot(value, len(target.classes)).float()

    def count(self, tally: Tally, value: Any) -> None:
        """Samples of each class."""
        tally.counts[self.exact(value)] += 1

    def caption(self, value: int, target: Target) -> str:
        """The class."""
        return target.classes[value]

    def renumbered(self, value: int, table: npt.NDArray[np.int64], known: Target) -> int | None:
        """Its number there; None where there is no such class."""
        number = int(table[value])
        return number if number >= 0 else None
