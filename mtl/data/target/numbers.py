"""Measured numbers of a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mtl.data.target.base import Array, TargetKind

if TYPE_CHECKING:
    from mtl.data.inspection.tally import Tally
    from mtl.data.sample import Target


class NumbersKind(TargetKind):
    """A vector (K,) float32 of the numbers that the target's classes name, NaN for unknown.

    Each may have a unit (``Target.units``). A number has no place in the picture: it stays what it
    is however the picture is moved.
    """

    counted = "known numbers"
    uncounted = "unknown numbers"

    def misfit(self, value: Array, target: Target) -> str | None:
        """Another number of names, or infinite numbers."""
        if np.isinf(value).any():
            return "holds an infinite number; what is unknown is NaN"
        return super().misfit(value, target)

    def count(self, tally: Tally, value: Array) -> None:
        """How many samples know each number, and its spread in its unit."""
        known = ~self.is_unknown(value)
        tally.ignored += int((~known).sum())
        tally.counts += known
        for title, entry in zip(
            np.array(tally.target.titles)[known], value[known].tolist(), strict=True
        ):
            tally.note(str(title), entry)

    def caption(self, value: Array, target: Target) -> str:
        """The numbers with their names and units, unknown ones with a question mark."""
        units = target.units or ("",) * len(target.classes)
        rows = zip(target.classes, value.tolist(), units, strict=True)
        return ", ".join(said(*row) for row in rows)

    def renumbered(
        self, value: Array, table: npt.NDArray[np.int64], known: Target
    ) -> npt.NDArray[np.float32] | None:
        """By their names; None where the network knows none of them."""
        found: npt.NDArray[np.float32] = super().renumbered(value, table, known)
        return None if self.is_unknown(found).all() else found


def said(name: str, value: float, unit: str, deviation: float | None = None) -> str:
    """One number in words: ``height 1.5 m``, ``height 1.5 ± 0.2 m``, ``height ?`` of NaN."""
    if np.isnan(value):
        return f"{name} ?"
    spread = "" if deviation is None else f" ± {deviation:.2g}"
    return f"{name} {value:.4g}{spread} {unit}".rstrip()
