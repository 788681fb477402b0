"""Part of a list set aside, the same part on every machine."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from mtl.errors import UserError

T = TypeVar("T")


def hold_out(items: Sequence[T], fraction: float, seed: int) -> tuple[list[T], list[T]]:
    """Split a list by a fixed seed.

    Args:
        items: two or more, of which at least one stays and at least one goes.
        fraction: of the items to set aside, above 0 and below 1.
        seed: of the choice.

    Returns:
        Those that stay and those set aside, both in the order they came in.
    """
    count = min(max(round(len(items) * fraction), 1), len(items) - 1)
    aside = set(np.random.default_rng(seed).permutation(len(items))[:count].tolist())
    return (
        [item for row, item in enumerate(items) if row not in aside],
        [item for row, item in enumerate(items) if row in aside],
    )


def check_fraction(key: str, fraction: float) -> None:
    """Check an option's range.

    Raises:
        UserError: the fraction is below 0, or 1 or more.
    """
    if not 0 <= fraction < 1:
        raise UserError(f"{key}={fraction} must be at least 0 and below 1")
