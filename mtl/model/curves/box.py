"""One box per image."""

import numpy as np
import torch
from torch import Tensor

from mtl.data.batch import Labelled
from mtl.model.curves.base import Curves, HeadCurves
from mtl.model.curves.entries import ALL, GRID, numbers
from mtl.model.curves.kept import Kept
from mtl.model.head.box_errors import box_errors


class BoxCurves(HeadCurves):
    """Success: the share of images whose box has at least an IoU of t, over t.

    The head says one box for each image and no score with it, so nothing can be ranked: a ROC or
    precision-recall curve would have to be made from thresholds of the IoU, which is known from the
    truth alone, and that would be no curve of a decision. The area under the success curve (Wu et
    al., Online Object Tracking: A Benchmark, 2013) is the mean IoU exactly, the head's metric
    ``iou``, and its value at 0.5 is ``recall50``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kept = Kept({"iou": (torch.float32, ())})

    def update(self, prediction: Tensor, labels: Labelled) -> None:
        """Count n boxes, (n, 4) xyxy pixels each side."""
        assert isinstance(labels.value, Tensor)
        self.kept.update(iou=box_errors(prediction, labels.value)["iou"])

    def compute(self) -> Curves:
        """See the class."""
        iou = self.kept.rows()["iou"].astype(np.float64)
        if len(iou) == 0:
            return {}
        below = np.searchsorted(np.sort(iou), GRID, side="left")
        recall = 1 - below / len(iou)
        curve = {"iou": numbers(GRID), "recall": numbers(recall), "area": float(iou.mean())}
        return {"success": {ALL: curve}}

    def reset(self) -> None:
        """Forget everything."""
        self.kept.reset()
