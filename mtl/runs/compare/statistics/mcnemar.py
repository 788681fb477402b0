"""Two networks on the same test samples."""

import numpy as np


def mcnemar(first: np.ndarray, second: np.ndarray) -> tuple[int, int, float]:
    """McNemar's test (1947), exact: whether one of two networks is right more often.

    Only samples on which they differ say something; if both were as good, each of those would be
    the one's or the other's by the toss of a coin.

    Args:
        first: (N,) bool, whether the first one was right.
        second: (N,) bool, of the same samples in the same order.

    Returns:
        How many only the first got right, how many only the second, and the two-sided p.
    """
    only_first = int((first & ~second).sum())
    only_second = int((second & ~first).sum())
    if only_first + only_second == 0:
        return 0, 0, 1.0
    from scipy import stats  # takes half a second to import

    p = stats.binomtest(only_first, only_first + only_second, 0.5).pvalue
    return only_first, only_second, float(p)
