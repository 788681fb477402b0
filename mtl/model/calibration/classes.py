"""One class of several, for an image or for each pixel."""

import torch
from torch import Tensor

from mtl.data.batch import Labelled
from mtl.data.sample import IGNORE_PIXEL
from mtl.model.calibration.base import FittedTask, HeadCalibrator
from mtl.model.calibration.temperature import fit_softmax
from mtl.model.calibration.values import Aim
from mtl.model.curves.kept import Kept

ENOUGH = 32
"""Pixels a side of each picture: neighbours are alike, and one number is looked for."""


class ClassCalibrator(HeadCalibrator):
    """A temperature for (n, C) probabilities with sum 1; the likeliest class needs no threshold.

    Args:
        classes: C.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        columns = {"scores": (torch.float32, (classes,)), "truth": (torch.int64, ())}
        self.kept = Kept(columns)

    def update(self, prediction: Tensor, labels: Labelled) -> None:
        """Keep (n, C) probabilities and (n,) classes."""
        assert isinstance(labels.value, Tensor)
        self.kept.update(scores=prediction, truth=labels.value)

    def fit(self, aim: Aim) -> FittedTask | None:
        """The temperature."""
        rows = self.kept.rows()
        if len(rows["truth"]) == 0:
            return None
        return FittedTask(fit_softmax(rows["scores"], rows["truth"]))


class PixelCalibrator(ClassCalibrator):
    """The same for (n, K, H, W) probabilities, on a grid of pixels that aren't ignored."""

    def update(self, prediction: Tensor, labels: Labelled) -> None:
        """Keep some pixels' probabilities and classes."""
        assert isinstance(labels.value, Tensor)
        step = max(1, labels.value.shape[-1] // ENOUGH)
        thin = (..., slice(step // 2, None, step), slice(step // 2, None, step))
        truth = labels.value[thin]
        known = truth != IGNORE_PIXEL
        self.kept.update(scores=prediction[thin].movedim(1, -1)[known], truth=truth[known])
