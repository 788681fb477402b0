"""How many pairs it takes to see a difference."""

import math
from typing import Literal

from mtl.runs.compare.statistics.mean import LEVEL

WANTED = 0.8
"""Power: the chance that a difference of this effect is seen."""
MOST = 100
"""Pairs beyond which nobody trains: what needs more is too small to matter."""


def power(effect: float, pairs: int, level: float = LEVEL) -> float:
    """The chance that a two-sided paired t-test sees an effect, by the noncentral t distribution.

    Args:
        effect: d_z of the population.
        pairs: 2 or more.
        level: p below which a difference counts as seen.
    """
    from scipy import stats  # takes half a second to import

    freedom, shift = pairs - 1, abs(effect) * math.sqrt(pairs)
    limit = stats.t.ppf(1 - level / 2, freedom)
    beyond = stats.nct.sf(limit, freedom, shift)
    # On the far side there is next to nothing, and scipy's numbers may end before it.
    below = stats.nct.cdf(-limit, freedom, shift)
    found = float(beyond) + (float(below) if math.isfinite(below) else 0.0)
    return found if math.isfinite(found) else 1.0


def pairs_needed(
    effect: float, level: float = LEVEL, test: Literal["t", "exact"] = "t"
) -> int | None:
    """The fewest pairs with 80 % power.

    Args:
        effect: d_z, as measured.
        level: p below which a difference counts as seen.
        test: the exact one also needs enough pairs for p to become so small: 2 / 2^n.

    Returns:
        None where more than 100 would be needed.
    """
    fewest = 2 if test == "t" else max(2, math.ceil(1 - math.log2(level)))
    if math.isinf(effect):
        return fewest
    low, high = fewest, MOST
    if not power(effect, high, level) >= WANTED:
        return None
    while low < high:
        middle = (low + high) // 2
        if power(effect, middle, level) >= WANTED:
            high = middle
        else:
            low = middle + 1
    return low
