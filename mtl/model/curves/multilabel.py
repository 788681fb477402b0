"""Any number of classes per image."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mtl.data.batch import Labelled
from mtl.model.curves.base import Curves, HeadCurves
from mtl.model.curves.calibration import calibration
from mtl.model.curves.chance import of_labels
from mtl.model.curves.entries import Reached, one_against_rest
from mtl.model.curves.kept import Kept
from mtl.model.curves.ranking import Ranking
from mtl.model.curves.table import table


class MultilabelCurves(HeadCurves):
    """Table, ROC and precision-recall of each class, calibration; unknown entries don't count.

    The mean precision-recall curve's area is the metric ``map``. Calibration is that of all entries
    together: how often a class is there, by the probability it was given.

    Args:
        classes: C names.
        threshold: from which on a probability is a yes; one, or one for each class.
    """

    def __init__(self, classes: Sequence[str], threshold: float | Sequence[float]) -> None:
        super().__init__()
        self.classes = tuple(classes)
        self.threshold = np.asarray(threshold, np.float32)
        shape = (len(classes),)
        self.kept = Kept({"scores": (torch.float32, shape), "truth": (torch.int8, shape)})

    def update(self, prediction: Tensor, labels: Labelled) -> None:
        """Count (n, C) probabilities."""
        assert isinstance(labels.value, Tensor)
        self.kept.update(scores=prediction, truth=labels.value)

    def compute(self) -> Curves:
        """See the class."""
        rows = self.kept.rows()
        scores, truth = rows["scores"], rows["truth"]
        known = truth >= 0
        if not known.any():
            return {}
        yes, said = truth == 1, known & (scores >= self.threshold)
        reached = {}
        for index, name in enumerate(self.classes):
            own = known[:, index]
            ranking = Ranking(scores[own, index], yes[own, index])
            reached[name] = Reached(ranking.thresholds, *ranking.counts())
        hits, said_each, there = (part.sum(0, dtype=np.int64) for part in (said & yes, said, yes))
        return {
            "per_class": table(self.classes, hits, said_each, there),
            **one_against_rest(reached),
            "calibration": calibration(scores[known], yes[known]),
            "chance": of_labels(there, known.sum(0, dtype=np.int64)),
        }

    def reset(self) -> None:
        """Forget everything."""
        self.kept.reset()
