"""How well a mean is known."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy.special import stdtrit

LEVEL = 0.05
"""Intervals hold the truth in 95 of 100 cases; tests see a difference where p is below."""


def mean_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float] | None:
    """Interval of the mean by Student's t (Student, 1908): mean ± t(n-1) s / sqrt(n).

    Args:
        values: independent ones, such as a metric's over seeds.
        level: share of cases in which it doesn't hold the truth; of a 95 % interval 0.05.

    Returns:
        Its ends; None with fewer than two values.
    """
    if len(values) < 2:
        return None
    mean = float(np.mean(values))
    spread = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    half = _quantile(len(values) - 1, level) * spread
    return mean - half, mean + half


@lru_cache(maxsize=256)
def _quantile(freedom: int, level: float) -> float:
    return float(stdtrit(freedom, 1 - level / 2))
