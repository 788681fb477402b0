"""Many objects per image."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torchmetrics import Metric

from mtl.data.batch import BoxBatch, Labelled
from mtl.model.curves.base import Curves, HeadCurves
from mtl.model.curves.coco import RECALLS, precision_at_recalls
from mtl.model.curves.entries import ALL, Reached, numbers, one_against_rest
from mtl.model.curves.kept import Kept
from mtl.model.curves.matching import Floats, Places, greedy, same_class
from mtl.model.curves.overlap import Overlap, objects_of, of_boxes
from mtl.model.curves.ranking import Ranking
from mtl.model.curves.table import confusion_entry, of_confusion
from mtl.model.head.detection_metrics import countable
from mtl.model.head.detections import Detections
from mtl.model.head.scores import quietly

BACKGROUND = "background"
HALF = np.array([0.5])
"""IoU from which a detection is of an object."""


class DetectionCurves(HeadCurves):
    """Confusion, table, precision-recall and ROC at IoU 0.5; difficult objects are left out.

    Precision-recall is COCO's, at 101 recalls, and the mean of its areas is the metric ``map50``.

    ROC can only rank what the detector proposed: positives are the detections that are of an
    object, negatives those that are of none or of one that a better detection has. An object that
    was missed is in neither; how many there are is told by recall.

    Confusion and table are of the detections with a score of at least ``threshold``. Objects are
    matched with detections of their own class first, then what is left on both sides with each
    other; a detection of nothing is background that was taken for its class, a missed object was
    taken for background.

    Args:
        classes: C names.
        threshold: of scores; one, or one for each class.
        overlap: of what the IoU is.
    """

    def __init__(
        self,
        classes: Sequence[str],
        threshold: float | Sequence[float],
        overlap: Overlap = of_boxes,
    ) -> None:
        super().__init__()
        self.overlap = overlap
        self.classes = tuple(classes)
        self.threshold = np.broadcast_to(np.asarray(threshold, np.float32), len(classes))
        self.kept = Kept(
            {"label": (torch.int64, ()), "score": (torch.float32, ()), "right": (torch.uint8, ())}
        )
        self.confusion = _Confusion(len(classes) + 1)

    def update(self, prediction: Sequence[Detections], labels: Labelled) -> None:
        """Count n images' detections."""
        truth = labels.on_cpu.value
        assert isinstance(truth, BoxBatch)
        prediction = [found.cpu() for found in prediction]
        for row, found in enumerate(countable(prediction, truth)):
            self._image(found, self.overlap(found, truth, row), objects_of(truth, row)[1])

    def _image(self, found: Detections, iou: Floats, truth: Places) -> None:
        label = found.labels.numpy()
        place = same_class(iou, label, truth, HALF)[:, 0]
        counts = torch.from_numpy(place > -2)
        device = self.confusion.device
        self.kept.update(
            label=found.labels[counts].to(device),
            score=found.scores[counts].to(device),
            right=torch.from_numpy(place >= 0)[counts].to(device),
        )
        sure = (place > -2) & (found.scores.numpy() >= self.threshold[label])
        pairs = confused(iou[sure], label[sure], place[sure], truth, len(self.classes))
        self.confusion.update(torch.from_numpy(pairs).to(device))

    def matched(self) -> tuple[dict[str, npt.NDArray[Any]], Places]:
        """``label``, ``score`` and ``right`` of each detection; and how many objects by class."""
        return self.kept.rows(), quietly(self.confusion).cpu().numpy().sum(1)[:-1]

    def compute(self) -> Curves:
        """See the class; empty without an image that has an object or a detection."""
        rows, confusion = self.kept.rows(), quietly(self.confusion).cpu().numpy()
        right = rows["right"] == 1
        if not confusion.any() and len(rows["score"]) == 0:
            return {}
        objects = confusion.sum(1)
        reached, precision = {}, {}
        for index, name in enumerate(self.classes):
            own = rows["label"] == index
            ranking = Ranking(rows["score"][own], right[own])
            reached[name] = Reached(ranking.thresholds, *ranking.counts())
            if objects[index]:
                precision[name] = _pr(rows["score"][own], right[own], int(objects[index]))
        areas = np.array([precision.get(name, {}).get("ap", np.nan) for name in self.classes])
        found: Curves = {
            "confusion": confusion_entry([*self.classes, BACKGROUND], confusion),
            "per_class": of_confusion(self.classes, confusion, ap50=areas),
        }
        ranked = one_against_rest(reached)
        found |= {"roc": ranked["roc"]} if "roc" in ranked else {}
        if precision:
            mean = np.mean([entry["precision"] for entry in precision.values()], axis=0)
            total = {"recall": numbers(RECALLS), "precision": numbers(mean)}
            found["pr"] = {ALL: {**total, "ap": float(np.nanmean(areas))}, **precision}
        return found

    def reset(self) -> None:
        """Forget everything."""
        self.kept.reset()
        self.confusion.reset()


def confused(iou: Floats, labels: Places, place: Places, truth: Places, background: int) -> Places:
    """Pairs (m, 2) of what an object is and what it was taken for.

    Args:
        iou: (d, g) of one image's detections, best first, with its objects.
        labels: (d,) their classes.
        place: (d,) the objects of their class that they are of, -1 for none.
        truth: (g,) classes of the objects.
        background: index of the class of nothing.
    """
    place = place.copy()
    rest = np.flatnonzero(place < 0)
    missed = np.setdiff1d(np.arange(len(truth)), place)
    if len(rest) and len(missed):
        chosen = greedy(iou[np.ix_(rest, missed)], HALF)[:, 0]
        place[rest] = np.where(chosen < 0, -1, missed[chosen])
    missed = np.setdiff1d(np.arange(len(truth)), place)
    # The last entry is what the place -1 leads to.
    there = np.append(truth, background)[place]
    unseen = np.column_stack([truth[missed], np.full(len(missed), background)])
    return np.concatenate([np.column_stack([there, labels]), unseen]).astype(np.int64)


def _pr(score: Any, right: Any, objects: int) -> dict[str, Any]:
    order = np.argsort(-score, kind="stable")
    column = right[order][:, None]
    precision, _, places = precision_at_recalls(column, np.ones(len(order)), objects)
    # Where a recall isn't reached, no threshold is low enough.
    thresholds = np.append(score[order], 0.0)[places[:, 0]]
    return {
        "recall": numbers(RECALLS),
        "precision": numbers(precision[:, 0]),
        "threshold": numbers(thresholds),
        "ap": float(precision.mean()),
        "positives": objects,
        "negatives": int((~column).sum()),
    }


class _Confusion(Metric):
    """Counts of pairs of classes."""

    full_state_update = False
    counts: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        zeros = torch.zeros((classes, classes), dtype=torch.int64)
        self.add_state("counts", zeros, dist_reduce_fx="sum")

    def update(self, pairs: Tensor) -> None:
        count = len(self.counts)
        found = torch.bincount(pairs[:, 0] * count + pairs[:, 1], minlength=count**2)
        self.counts += found.view(count, count)

    def compute(self) -> Tensor:
        return self.counts
