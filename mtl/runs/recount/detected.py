"""Detections matched with objects."""

from collections import Counter

import numpy as np

from mtl.model.curves.coco import OVERLAPS, precision_at_recalls
from mtl.runs.recount.base import Columns, Floats, Recount, box_column, column
from mtl.runs.recount.content import SampleContent

SURE = 0.5
"""Score from which on a detection counts for a sample's quality."""


class DetectionRecount(Recount):
    """d detections and the objects of n samples.

    ``label`` (d,), ``score`` (d,) and ``matched`` (d,), of which bit i says whether a detection is
    of an object at the IoU threshold i; ``found`` (n,), how many are each sample's, one sample's
    after the other; ``objects`` (n, C), how many there are. Maybe ``said_boxes`` (d, 4) and
    ``true_boxes``, those of all objects, sample by sample and in each class by class: shares of the
    picture.

    For COCO's ``map``, ``map50`` and ``recall``.
    """

    metrics = ("map", "map50", "recall")

    def __init__(self, columns: Columns, metric: str, samples: int) -> None:
        super().__init__(columns, metric, samples)
        self.objects = column(columns, "objects", samples).astype(np.float64)
        sample = np.repeat(np.arange(samples), column(columns, "found", samples).astype(np.int64))
        found = len(sample)
        label = column(columns, "label", found).astype(np.int64)
        score = column(columns, "score", found).astype(np.float64)
        bits = column(columns, "matched", found).astype(np.int64)
        right = (bits[:, None] >> np.arange(len(OVERLAPS)) & 1).astype(np.bool_)
        self.right_50 = sample, score, right[:, 0]
        self.label = label
        self.boxes: tuple[Floats, Floats] | None = None
        if {"said_boxes", "true_boxes"} <= columns.keys():
            self.boxes = (
                box_column(columns, "said_boxes", found),
                box_column(columns, "true_boxes", int(self.objects.sum())),
            )
        if metric == "map50":
            right = right[:, :1]
        self.by_class = []
        for index in range(self.objects.shape[1]):
            own = np.flatnonzero(label == index)
            own = own[np.argsort(-score[own], kind="stable")]
            self.by_class.append((sample[own], right[own]))

    def score(self, weights: Floats) -> float:
        """See the class; the mean over the classes that have objects."""
        values = []
        for (sample, right), objects in zip(self.by_class, weights @ self.objects, strict=True):
            if objects > 0:
                there = weights[sample] > 0
                precision, recall, _ = precision_at_recalls(
                    right[there], weights[sample[there]], objects
                )
                values.append(float((recall if self.metric == "recall" else precision).mean()))
        return float(np.mean(values)) if values else float("nan")

    def quality(self) -> Floats:
        """F1 of each sample at IoU 0.5 and score 0.5; 1 where nothing was to be found, or was."""
        sample, score, right = self.right_50
        sure = score >= SURE
        said = np.bincount(sample[sure], minlength=self.samples)
        hits = np.bincount(sample[sure & right], minlength=self.samples)
        whole = said + self.objects.sum(axis=1)
        return np.where(whole > 0, 2 * hits / np.maximum(whole, 1), 1.0)

    def contents(self, row: int) -> tuple[SampleContent, SampleContent]:
        """The detections that count for the quality, and the objects."""
        sample, score, _ = self.right_50
        sure = (sample == row) & (score >= SURE)
        objects = self.objects.astype(np.int64)
        said = Counter(self.label[sure].tolist())
        true = {index: count for index, count in enumerate(objects[row].tolist()) if count}
        if self.boxes is None:
            return SampleContent(said), SampleContent(true)
        before, there = int(objects[:row].sum()), int(objects[row].sum())
        said_boxes, true_boxes = self.boxes
        return SampleContent(said, said_boxes[sure]), SampleContent(
            true, true_boxes[before : before + there]
        )
