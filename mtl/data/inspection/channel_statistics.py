"""Means and deviations of pixels, to normalise by."""

import numpy as np

from mtl.data.inspection.statistics import evenly
from mtl.data.loading.module import MultiTaskData
from mtl.data.preprocess.picture import picture
from mtl.errors import BadFile

MOST = 500
"""Training images that are looked at, evenly spread."""
LEAST_DEVIATION = 0.001


def channel_statistics(data: MultiTaskData) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel over the training split, in 0..1.

    Pixels are those of the network's pictures. What can't be read is left out.

    Args:
        data: prepared.
    """
    source = data.required("train")
    sums, squares = (np.zeros(data.images.channels) for _ in range(2))
    pixels = 0
    for row in evenly(len(source), MOST):
        try:
            image = picture(source, row, data.preprocess, {})[0].image / 255.0
        except BadFile:
            continue
        sums += image.sum((0, 1))
        squares += (image**2).sum((0, 1))
        pixels += image.shape[0] * image.shape[1]
    mean = sums / max(1, pixels)
    deviation = np.sqrt((squares / max(1, pixels) - mean**2).clip(0))
    return _digits(mean), _digits(deviation.clip(LEAST_DEVIATION))


def _digits(values: np.ndarray) -> list[float]:
    return [round(float(value), 4) for value in values]
