"""What metrics come to without a look at the images: below that nothing was learnt."""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Levels = dict[str, float]
"""Metric to its level."""
RANKED = 0.5
"""The area under the ROC curve of any order that has nothing to do with the truth."""


def of_classes(truth: npt.NDArray[np.int64]) -> Levels:
    """Of a class per image, where the commonest one is said of all.

    Args:
        truth: (C,) images of each class, at least one altogether.
    """
    occurring = int((truth > 0).sum())
    return {
        "accuracy": float(truth.max() / truth.sum()),
        "balanced_accuracy": 1 / occurring,
        "auroc": RANKED,
    }


def of_pixels(truth: npt.NDArray[np.int64]) -> Levels:
    """Of a class per pixel, where the commonest one is said of all.

    Args:
        truth: (C,) pixels of each class, at least one altogether.
    """
    share = float(truth.max() / truth.sum())
    return {"miou": share / int((truth > 0).sum()), "pixel_accuracy": share}


def of_labels(there: npt.NDArray[np.int64], known: npt.NDArray[np.int64]) -> Levels:
    """Of several classes per image, ranked by chance: precision is then a class's share throughout.

    Args:
        there: (C,) images that have each class.
        known: (C,) images of which it is known whether they have it.
    """
    shares = there[there > 0] / known[there > 0]
    return {"map": float(shares.mean())} if len(shares) else {}


def of_depths(counts: npt.NDArray[np.int64], reach: int) -> Levels:
    """Of a depth per pixel, where that one is said of all that is close to most.

    Args:
        counts: (L,) pixels by the logarithm of their depth, in equal steps; at least one pixel.
        reach: in how many steps to either side a depth is close.
    """
    below = np.concatenate([[0], counts.cumsum()])
    span = min(2 * reach, len(counts))
    close = below[span:] - below[:-span]
    return {"delta1": float(close.max() / below[-1])}


def of_normals(
    counts: npt.NDArray[np.int64], vectors: npt.NDArray[np.float64], within: Mapping[str, float]
) -> Levels:
    """Of a direction per pixel, where the mean direction is said of all.

    Args:
        counts: (L,) pixels of each direction, at least one altogether.
        vectors: (L, 3) directions, of any length above 0.
        within: metric to degrees.
    """
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    mean = counts @ units
    cosines = units @ mean / max(float(np.linalg.norm(mean)), np.finfo(np.float64).tiny)
    return {
        name: float(counts[cosines > math.cos(math.radians(degrees))].sum() / counts.sum())
        for name, degrees in within.items()
    }
