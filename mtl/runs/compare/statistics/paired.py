"""Whether differences within pairs could be chance, and how large they are beside their spread."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from mtl.runs.compare.statistics.fewest import FEWEST
from mtl.runs.compare.statistics.mean import mean_interval
from mtl.runs.compare.statistics.subset_means import DRAWS, between_subset_means

ALIKE = 1e-6
"""Share of their size by which equal differences may differ through rounding."""


def p_value(differences: Sequence[float], test: Literal["t", "exact"]) -> float | None:
    """Two-sided p of the mean being zero.

    ``t``: Student's paired t-test, which takes the differences for normal. ``exact``: the sign-flip
    permutation test (Fisher, 1935), which takes them only for symmetrical: the share of all sign
    assignments with a mean at least as far from zero; n pairs can't give less than 2 / 2^n.

    Differences that are all one number have no spread to hold the mean against, as happens with
    few pairs of a coarse metric; they are tested exactly, whatever was asked for.

    Args:
        differences: one per pair.
        test: which test.

    Returns:
        None with fewer than three pairs.
    """
    values = np.asarray(differences, dtype=float)
    if len(values) < FEWEST:
        return None
    if not values.any():
        return 1.0
    from scipy import stats  # takes half a second to import

    if test == "t" and not _all_alike(values):
        return float(stats.ttest_1samp(values, 0.0).pvalue)
    found = stats.permutation_test(
        (values,),
        np.mean,
        permutation_type="samples",
        n_resamples=DRAWS,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)


def difference_interval(
    differences: Sequence[float], test: Literal["t", "exact"], level: float
) -> tuple[float, float] | None:
    """Where the mean may lie: all that ``p_value`` doesn't tell it from at a level.

    So it leaves 0 out just where p is below the level.

    Args:
        differences: one per pair.
        test: the interval is Student's, or lies between means of subsets.
        level: of the test.

    Returns:
        Lower and upper end; None with fewer than three pairs, or with too few for the exact test.
    """
    values = np.asarray(differences, dtype=float)
    if len(values) < FEWEST:
        return None
    if not values.any() or (test == "t" and not _all_alike(values)):
        return mean_interval(differences, level)
    return between_subset_means(values, level)


def effect_size(differences: Sequence[float]) -> float | None:
    """Cohen's d_z (Cohen, 1988): the mean difference over the differences' standard deviation.

    Args:
        differences: one per pair.

    Returns:
        None with fewer than three pairs; infinite where all are one number other than zero.
    """
    values = np.asarray(differences, dtype=float)
    if len(values) < FEWEST:
        return None
    mean = float(values.mean())
    if not values.any():
        return 0.0
    if _all_alike(values):
        return float(np.copysign(np.inf, mean))
    return mean / float(values.std(ddof=1))


def _all_alike(values: np.ndarray) -> bool:
    return bool(np.ptp(values) <= ALIKE * np.abs(values).max())
