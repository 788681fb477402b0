"""One class per image."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mtl.data.batch import Labelled
from mtl.model.curves.base import Curves, HeadCurves
from mtl.model.curves.calibration import calibration
from mtl.model.curves.chance import of_classes
from mtl.model.curves.entries import Reached, one_against_rest
from mtl.model.curves.kept import Kept, counted
from mtl.model.curves.ranking import Ranking
from mtl.model.curves.table import confusion_entry, of_confusion


class ClassificationCurves(HeadCurves):
    """Confusion, table, ROC and precision-recall of each class against the rest, calibration.

    The mean ROC curve's area is the metric ``auroc``. Calibration is that of the likeliest class.

    Args:
        classes: C names.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        super().__init__()
        self.classes = tuple(classes)
        columns = {"scores": (torch.float32, (len(classes),)), "truth": (torch.int64, ())}
        self.kept = Kept(columns)

    def update(self, prediction: Tensor, labels: Labelled) -> None:
        """Count (n, C) probabilities."""
        assert isinstance(labels.value, Tensor)
        self.kept.update(scores=prediction, truth=labels.value)

    def compute(self) -> Curves:
        """See the class."""
        rows = self.kept.rows()
        scores, truth, count = rows["scores"], rows["truth"], len(self.classes)
        if len(truth) == 0:
            return {}
        said = scores.argmax(1)
        confusion = counted(truth * count + said, count**2).reshape(count, count)
        reached = {}
        for index, name in enumerate(self.classes):
            ranking = Ranking(scores[:, index], truth == index)
            reached[name] = Reached(ranking.thresholds, *ranking.counts())
        return {
            "confusion": confusion_entry(self.classes, confusion),
            "per_class": of_confusion(self.classes, confusion),
            **one_against_rest(reached),
            "calibration": calibration(scores[np.arange(len(said)), said], said == truth),
            "chance": of_classes(confusion.sum(1)),
        }

    def reset(self) -> None:
        """Forget everything."""
        self.kept.reset()
