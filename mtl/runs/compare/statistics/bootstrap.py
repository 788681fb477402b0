"""How a score would vary with other test images."""

from collections.abc import Callable, Sequence

import numpy as np


def over_images(
    scores: Sequence[Callable[[np.ndarray], float]], count: int, draws: int
) -> tuple[float, float] | None:
    """95 % percentile interval by bootstrap over images (Efron, 1979).

    All scores see the same images of each draw, so that their mean varies as one does.

    Args:
        scores: each gives a run's metric over chosen images, by their numbers; repeats occur.
        count: of the images.
        draws: how many test sets of ``count`` images are drawn with replacement.

    Returns:
        None where there is nothing to draw from, or most draws have no finite score.
    """
    if count < 2 or not scores or not draws:
        return None
    random = np.random.default_rng(0)
    chosen = (random.integers(0, count, count) for _ in range(draws))
    found = np.array([np.mean([score(rows) for score in scores]) for rows in chosen])
    finite = found[np.isfinite(found)]
    if len(finite) < draws / 2:
        return None
    low, high = np.percentile(finite, [2.5, 97.5])
    return float(low), float(high)
