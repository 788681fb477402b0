"""Kinds whose values are lists of objects, longer in one sample than in another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from torch import Tensor

from mtl.data.batch import BatchValue, Labelled
from mtl.data.target.base import Column, TargetKind

PER_IMAGE = "objects per image"


class ListedKind(TargetKind):
    """Objects that have a place; in a column a sequence of values, None where one is lacking.

    A sample without objects has the target: that there are none is a fact about it.
    """

    placed: ClassVar[bool] = True
    per_sample: ClassVar[bool] = False

    def column(self, values: Sequence[Any]) -> Column:
        """The values themselves."""
        return list(values)

    def as_column(self, column: Column) -> Column:
        """As it is."""
        return column

    def take(self, column: Column, rows: slice | Iterable[int]) -> Column:
        """Some rows, by their numbers."""
        return list(column[rows]) if isinstance(rows, slice) else [column[row] for row in rows]

    def value_at(self, column: Column, row: int) -> Any:
        """A sample's objects."""
        value = column[row]
        return None if value is None else self.exact(value)

    def has(self, column: Column) -> npt.NDArray[np.bool_]:
        """Rows that are not None."""
        return np.array([value is not None for value in column], np.bool_)

    def cut(self, column: Column) -> Tensor | BatchValue:
        """As any values are collated."""
        return self.collate(list(column))


def on_cpu(labelled: Labelled, change: Callable[[Any, Labelled], Tensor | BatchValue]) -> Labelled:
    """Change a batch's objects on the CPU: they are few, and heads want to look at them there.

    Args:
        labelled: wherever it lies.
        change: gets the value and all of ``labelled``, both on the CPU.
    """
    there = labelled.on_cpu
    changed = Labelled(there.index, change(there.value, there))
    return changed.to(labelled.index.device, non_blocking=True)
