"""COCO's average precision, from detections that were matched with objects before.

numpy only, so that runs are read and compared without torch.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def _linspace(first: float, last: float, count: int) -> Floats:
    """As torch counts in float32, from both ends: recalls such as 0.1 are compared with these."""
    step = float((np.float32(last) - np.float32(first)) / np.float32(count - 1))
    place = np.arange(count)
    up, down = float(np.float32(first)) + step * place, float(np.float32(last)) - step * place[::-1]
    return np.where(place < count // 2, up, down).astype(np.float32).astype(np.float64)


OVERLAPS = _linspace(0.5, 0.95, 10)
"""(10,) IoU from which a detection is of an object."""
RECALLS = _linspace(0.0, 1.0, 101)
"""(101,) at which precision is looked at."""
MOST = 100
"""Detections of a class that count in an image, the best ones."""


def precision_at_recalls(
    right: npt.NDArray[np.bool_], weights: Floats, objects: float
) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Precision at ``RECALLS``, made monotone, and the largest recall (Lin et al., 2014).

    Args:
        right: (d, T) whether a detection is of an object, by IoU threshold, best detection first.
        weights: (d,) how often each counts.
        objects: how many there are, more than 0.

    Returns:
        (101, T) precision, 0 where the recall isn't reached; (T,) recall; and (101, T) the first
        detection that reaches each recall, d for none.
    """
    thresholds = right.shape[1]
    each = weights[:, None]
    hits = np.cumsum(np.where(right, each, 0.0), axis=0)
    false = np.cumsum(np.where(right, 0.0, each), axis=0)
    found = hits + false
    precision = np.divide(hits, found, out=np.zeros_like(hits), where=found > 0)
    envelope = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    # One row more, for what isn't reached.
    envelope = np.concatenate([envelope, np.zeros((1, thresholds))])
    recall = np.concatenate([np.zeros((1, thresholds)), hits / objects])
    places = np.stack([np.searchsorted(own[1:], RECALLS, side="left") for own in recall.T], axis=1)
    return np.take_along_axis(envelope, places, axis=0), recall[-1], places
