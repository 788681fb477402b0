"""Intervals that take differences for symmetrical, and for nothing else."""

import math

import numpy as np
import numpy.typing as npt

DRAWS = 2**13
"""Sign flips looked at: all of them for up to 13 pairs, else so many random ones."""


def between_subset_means(
    values: npt.NDArray[np.float64], level: float
) -> tuple[float, float] | None:
    """What the sign-flip test doesn't tell the mean from (Hartigan, 1969).

    The means of all subsets of n symmetrical values cut the line into 2^n pieces, each of which
    holds the centre equally often.

    Args:
        values: (n,) one per pair.
        level: of the test.

    Returns:
        Lower and upper end; None where so few values bound nothing at this level.
    """
    if 2 ** len(values) <= DRAWS:
        chosen = np.arange(1, 2 ** len(values))[:, None] >> np.arange(len(values)) & 1
    else:
        chosen = np.random.default_rng(0).integers(0, 2, (DRAWS - 1, len(values)))
        chosen = chosen[chosen.any(1)]
    means = np.sort(chosen @ values / chosen.sum(1))
    # Less a rounding error, so that 2 of 2 stays 2.
    rank = math.ceil(level * (len(means) + 1) / 2 - 1e-9) - 1
    return None if rank < 1 else (float(means[rank - 1]), float(means[-rank]))
