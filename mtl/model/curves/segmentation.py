"""A class for every pixel."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from mtl.data.batch import Labelled
from mtl.data.sample import IGNORE_PIXEL
from mtl.model.calibration.tempered import softmax_at
from mtl.model.curves.base import Curves, HeadCurves
from mtl.model.curves.calibration import BINS, binned
from mtl.model.curves.chance import of_pixels
from mtl.model.curves.entries import Reached, one_against_rest
from mtl.model.curves.table import confusion_entry, of_confusion, shares
from mtl.model.head.scores import quietly

LEVELS = 200
"""Into so many equal steps probabilities are sorted: all pixels of a split are too many to keep."""
ENOUGH = 112
"""Pixels a side that ROC, precision-recall and calibration are taken from; neighbours are alike."""


class SegmentationCurves(HeadCurves):
    """Pixel confusion, table with IoU, ROC and precision-recall of each class, calibration.

    Ignored pixels don't count. Confusion and table are of all others; of large pictures the curves
    and calibration are of every second, third, ... row and column. Probabilities are told apart by
    ``LEVELS`` steps; within one they count as equal. Calibration is that of the likeliest class.

    Args:
        classes: K names, the background among them.
        temperature: of the calibration and the curves; see ``mtl.model.calibration``.
    """

    def __init__(self, classes: Sequence[str], temperature: float = 1.0) -> None:
        super().__init__()
        self.classes = tuple(classes)
        self.temperature = temperature
        self.pixels = _Pixels(len(classes))

    def update(self, prediction: Tensor, labels: Labelled) -> None:
        """Count (n, K, H, W) probabilities."""
        assert isinstance(labels.value, Tensor)
        self.pixels.update(softmax_at(prediction, self.temperature), labels.value)

    def compute(self) -> Curves:
        """See the class."""
        count, found = len(self.classes), quietly(self.pixels).cpu().numpy()
        confusion, levels, bins = np.split(found, [count**2, count**2 + count * 2 * LEVELS])
        confusion = confusion.astype(np.int64).reshape(count, count)
        if not confusion.any():
            return {}
        reached = {}
        thresholds = np.arange(LEVELS)[::-1] / LEVELS
        for name, own in zip(self.classes, levels.reshape(count, 2, LEVELS), strict=True):
            wrong, right = np.cumsum(own[:, ::-1], axis=1)
            reached[name] = Reached(thresholds, right, wrong)
        hits = confusion.diagonal()
        iou = shares(hits, confusion.sum(0) + confusion.sum(1) - hits)
        return {
            "confusion": confusion_entry(self.classes, confusion),
            "per_class": of_confusion(self.classes, confusion, iou=iou),
            **one_against_rest(reached),
            "calibration": binned(*bins.reshape(3, BINS)),
            "chance": of_pixels(confusion.sum(1)),
        }

    def reset(self) -> None:
        """Forget everything."""
        self.pixels.reset()


class _Pixels(Metric):
    """Counts over pixels: truth by decision, class by truth by level, and the calibration's bins.

    They are counted without weights, which no GPU adds up in the same order twice.
    """

    full_state_update = False
    confusion: Tensor
    levels: Tensor
    bins: Tensor
    confidence: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        states = {
            "confusion": torch.zeros(classes**2, dtype=torch.int64),
            "levels": torch.zeros(classes, 2 * LEVELS, dtype=torch.int64),
            "bins": torch.zeros(2 * BINS, dtype=torch.int64),
            "confidence": torch.zeros(BINS),
        }
        for name, state in states.items():
            self.add_state(name, state, dist_reduce_fx="sum")

    def update(self, probabilities: Tensor, truth: Tensor) -> None:
        # Not argmax, which takes five times as long over a middle dimension on CPUs.
        best = probabilities.max(1)
        known = truth != IGNORE_PIXEL
        pairs = truth[known].long() * self.classes + best.indices[known]
        self.confusion += torch.bincount(pairs, minlength=self.classes**2)
        step = max(1, truth.shape[-1] // ENOUGH)
        thin = (..., slice(None, None, step), slice(None, None, step))
        self._levels(probabilities[thin], truth[thin])
        self._calibration(best.values[thin], best.indices[thin], truth[thin])

    def _levels(self, probabilities: Tensor, truth: Tensor) -> None:
        # What is ignored goes to places of its own, which is faster than leaving it out.
        ignored = 2 * LEVELS * (truth == IGNORE_PIXEL)
        for index in range(self.classes):
            place = (probabilities[:, index].float() * LEVELS).long().clamp_(0, LEVELS - 1)
            place += LEVELS * (truth == index) + ignored
            found = torch.bincount(place.flatten(), minlength=3 * LEVELS)
            self.levels[index] += found[: 2 * LEVELS]

    def _calibration(self, sure: Tensor, said: Tensor, truth: Tensor) -> None:
        known = truth != IGNORE_PIXEL
        sure, right = sure[known].float(), said[known] == truth[known]
        # A value on an edge belongs to the bin below.
        place = ((sure * BINS).ceil().long() - 1).clamp_(0, BINS - 1)
        self.bins += torch.bincount(place + BINS * right, minlength=2 * BINS)
        self.confidence += torch.stack([sure[place == index].sum() for index in range(BINS)])

    def compute(self) -> Tensor:
        """All in one: (K · K + K · 2 · LEVELS + 3 · BINS,), the bins as ``binned`` takes them."""
        wrong, right = self.bins.view(2, BINS)
        parts = (self.confusion, self.levels.flatten(), wrong + right, self.confidence, right)
        return torch.cat([part.cpu().double() for part in parts])
