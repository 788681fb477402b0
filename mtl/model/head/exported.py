"""What an exported file holds of a task, and how far it may be from what torch computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

BOX_TOLERANCE = 0.1
"""Pixels."""
Arrays = Mapping[str, npt.NDArray[Any]]
"""Outputs of a task by name, each with the images of a batch as its first axis."""


@dataclass(frozen=True)
class ExportedTensor:
    """One tensor.

    Args:
        axes: names of its axes behind the first one, which is that of the images.
        meaning: what the numbers are, with their unit.
        tolerance: how far one may be from what torch computes; None where another output tells.
    """

    axes: tuple[str, ...]
    meaning: str
    tolerance: float | None = 1e-4


@dataclass(frozen=True)
class Deviation:
    """How far an exported file is from torch in one respect.

    Args:
        what: is compared.
        found: the largest difference, or the mean one where ``mean``.
        tolerance: of it.
        mean: whether differences of several batches are averaged, as shares are.
        weight: how many things the mean is over.
    """

    what: str
    found: float
    tolerance: float
    mean: bool = False
    weight: int = 1

    @property
    def fine(self) -> bool:
        """Whether it is within the tolerance; what is not a number isn't."""
        return self.found <= self.tolerance

    def together(self, other: Deviation) -> Deviation:
        """Of both batches."""
        if not self.mean:
            # Not max(), which may pass over what is not a number.
            return replace(self, found=float(np.maximum(self.found, other.found)))
        weight = self.weight + other.weight
        total = self.found * self.weight + other.found * other.weight
        return replace(self, found=total / max(1, weight), weight=weight)


def largest(what: str, eager: npt.NDArray[Any], file: npt.NDArray[Any], most: float) -> Deviation:
    """The largest difference of any two numbers; infinite where there aren't as many.

    Args:
        what: is compared.
        eager: as torch computes it.
        file: as the exported file does.
        most: the tolerance.
    """
    if eager.shape != file.shape:
        return Deviation(what, float("inf"), most)
    gap = np.abs(eager.astype(np.float64) - file.astype(np.float64))
    return Deviation(what, float(gap.max(initial=0)), most)


def share(what: str, eager: npt.NDArray[Any], file: npt.NDArray[Any], most: float) -> Deviation:
    """The share of places with another value; see ``largest``."""
    if eager.shape != file.shape:
        return Deviation(what, float("inf"), most, mean=True)
    return Deviation(what, float((eager != file).mean()), most, mean=True, weight=eager.size)


def differences(
    outputs: Mapping[str, ExportedTensor], eager: Arrays, file: Arrays
) -> Sequence[Deviation]:
    """The largest difference of each output that has a tolerance."""
    return [
        largest(name, eager[name], file[name], output.tolerance)
        for name, output in outputs.items()
        if output.tolerance is not None
    ]
