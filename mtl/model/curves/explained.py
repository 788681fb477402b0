"""How much of the spread of numbers is explained."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def explained(said: Floats, truth: Floats, weights: Floats | None = None) -> Floats:
    """R² of each number: 1 - Σ (truth - said)² / Σ (truth - mean)².

    0 is what the mean of the truth would get; below 0 is worse than that.

    Args:
        said: (n, K).
        truth: (n, K), NaN where unknown.
        weights: (n,) how often each row counts; None: once.

    Returns:
        (K,), NaN where the truth doesn't differ.
    """
    weight = np.ones(len(truth)) if weights is None else weights
    known = ~np.isnan(truth) & (weight > 0)[:, None]
    found = np.full(truth.shape[1], np.nan)
    for index, rows in enumerate(known.T):
        own, share = truth[rows, index], weight[rows]
        if len(own) and np.ptp(own) > 0:
            error = np.average((own - said[rows, index]) ** 2, weights=share)
            spread = np.average((own - np.average(own, weights=share)) ** 2, weights=share)
            found[index] = 1 - error / spread
    return found


def nanmean(values: Floats) -> float:
    """The mean of what is known, NaN of nothing."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
