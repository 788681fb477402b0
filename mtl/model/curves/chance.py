"""What metrics come to without a look at the images: below that nothing was learnt."""

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
