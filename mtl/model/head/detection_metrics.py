"""Mean average precision and recall of detected objects."""

import logging
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.detection import MeanAveragePrecision

from mtl.data.batch import BoxBatch, Labelled
from mtl.model.head.base import HeadMetrics
from mtl.model.head.detections import Detections

# It reports every evaluation at INFO, which Hydra's logging would write into the run's log.
logging.getLogger("faster_coco_eval").setLevel(logging.WARNING)

COCO_NAMES = {"map": "map", "map50": "map_50", "recall": "mar_100"}
"""Names of this project to those of torchmetrics."""
SAME_OBJECT = 0.5
"""IoU from which a detection is said to be of a difficult object (VOC's threshold)."""


class DetectionMetrics(HeadMetrics):
    """COCO's mean average precision and recall, with VOC's difficult objects out of the count.

    ``map`` is the mean over classes and the IoU thresholds 0.5, 0.55, ... 0.95, ``map50`` that at
    0.5 alone, ``recall`` the mean over classes and thresholds of the share of objects found among
    an image's 100 best detections (Lin et al., 2014). Classes without an object are left out.

    A difficult object neither helps nor hurts: missing it costs nothing, and a detection whose
    best match of its class (IoU at least 0.5) is difficult is left out, as in VOC's own evaluation
    (Everingham et al., 2010). COCO's ``iscrowd`` would be too lenient: it compares the overlap
    with the detection's area alone.

    Detections of a class that was not looked for in their image are left out, too, as in LVIS
    (Gupta et al., 2019); if objects of it are annotated nevertheless, those that are of one of
    these count (best match of IoU at least 0.5). A class that was looked for nowhere has no
    average precision.

    Args:
        names: of ``map``, ``map50``, ``recall``.
        classes: class names.
        per_class: add ``map_<class>`` for each class that has an object.
    """

    def __init__(self, names: Sequence[str], classes: Sequence[str], per_class: bool) -> None:
        super().__init__()
        self.names = tuple(names)
        self.classes = tuple(classes)
        self.per_class = per_class
        self._precision = self.make_precision(per_class)

    def make_precision(self, per_class: bool) -> Metric:
        """What takes n images' detections and their objects, and gives torchmetrics' numbers."""
        return _AveragePrecision(per_class)

    def update(self, prediction: Sequence[Detections], labels: Labelled) -> None:
        """Count n images.

        Args:
            prediction: n images' detections, boxes in the frame of the labels.
            labels: their objects.
        """
        assert isinstance(labels.value, BoxBatch)
        self._precision.update(prediction, labels.value)

    def compute(self) -> dict[str, Tensor]:
        """Metric name to scalar in 0..1; what can't be measured for want of objects is absent."""
        if not self._precision.update_called:  # nothing to add, but other ranks may wait for us
            device = self._precision.device
            self._precision.update([], BoxBatch.collate([]).map(lambda t: t.to(device)))
        found = self._precision.compute()
        values = {name: found[COCO_NAMES[name]] for name in self.names}
        if self.per_class and "map_per_class" in found:  # absent without any image
            indices = found["classes"].reshape(-1).tolist()
            for index, value in zip(indices, found["map_per_class"].reshape(-1), strict=True):
                values[f"map_{self.classes[index]}"] = value
        return {name: value for name, value in values.items() if value >= 0}

    def reset(self) -> None:
        """Forget everything."""
        self._precision.reset()


class _AveragePrecision(Metric):
    """MeanAveragePrecision over flat states.

    torchmetrics' own keeps one tensor per image and gathers them one by one, which needs the same
    number of images on every rank; that is not so where only some samples have boxes.
    """

    full_state_update = False
    detected: list[Tensor]
    detected_count: list[Tensor]
    objects: list[Tensor]
    object_count: list[Tensor]

    def __init__(self, per_class: bool) -> None:
        super().__init__()
        self.per_class = per_class
        for state in ("detected", "detected_count", "objects", "object_count"):
            self.add_state(state, default=[], dist_reduce_fx="cat")

    def update(self, prediction: Sequence[Detections], truth: BoxBatch) -> None:
        prediction = countable(prediction, truth)
        counted = truth.counted
        device = truth.labels.device
        # All states are flat float32 since ranks without data gather an empty tensor of that kind.
        rows = [
            torch.cat((d.boxes.float(), d.scores.float()[:, None], d.labels[:, None]), dim=1)
            for d in prediction
        ]
        self.detected.append(
            torch.cat([row.flatten() for row in rows] or [torch.zeros(0, device=device)])
        )
        self.detected_count.append(
            torch.tensor([len(d) for d in prediction], dtype=torch.float32, device=device)
        )
        objects = torch.cat((truth.xyxy.float(), truth.labels[:, :, None]), dim=2)
        self.objects.append(objects[counted].flatten())
        self.object_count.append(counted.sum(dim=1).float())

    def compute(self) -> dict[str, Tensor]:
        detected = split(self.detected, self.detected_count, 6)
        objects = split(self.objects, self.object_count, 5)
        metric = average_precision("bbox", self.per_class)
        metric.update(
            [{"boxes": d[:, :4], "scores": d[:, 4], "labels": d[:, 5].long()} for d in detected],
            [{"boxes": o[:, :4], "labels": o[:, 4].long()} for o in objects],
        )
        values: dict[str, Tensor] = metric.compute()
        return values


def average_precision(of: Literal["bbox", "segm"], per_class: bool) -> MeanAveragePrecision:
    """COCO's evaluation on a single rank, by boxes or by masks."""
    metric = MeanAveragePrecision(
        iou_type=of, backend="faster_coco_eval", class_metrics=per_class, sync_on_compute=False
    )
    metric.warn_on_many_detections = False
    return metric


def countable(prediction: Sequence[Detections], truth: BoxBatch) -> Sequence[Detections]:
    """What of n images' detections is measured.

    Cut to the part of the picture that shows the image, and without those that are of a difficult
    object or of a class that was not looked for; see ``DetectionMetrics``.

    Args:
        prediction: n images' detections.
        truth: their objects.
    """
    if truth.within is not None:
        # A letterboxed picture's padding is nowhere in the image, where predictions end up.
        prediction = [
            _inside(found, part) for found, part in zip(prediction, truth.within, strict=True)
        ]
    if truth.looked_for is not None:
        prediction = [found[_known(found, truth, row)] for row, found in enumerate(prediction)]
    if not (truth.valid & ~truth.counted).any():
        return prediction
    return [
        found[~found.of_difficult(truth, row, SAME_OBJECT)] for row, found in enumerate(prediction)
    ]


def _inside(found: Detections, part: Tensor) -> Detections:
    """Detections cut to a part of the picture (4,), without those that lie outside."""
    boxes = found.boxes.clamp(min=part[:2].repeat(2), max=part[2:].repeat(2))
    return found.cut(boxes)[(boxes[:, 2:] > boxes[:, :2]).all(dim=1)]


def _known(found: Detections, truth: BoxBatch, row: int) -> Tensor:
    """(k,) bool: True where it is known whether there is such an object."""
    assert truth.looked_for is not None
    known: Tensor = truth.looked_for[row][found.labels]
    if truth.labels.shape[1]:
        known = known | (found.overlaps(truth, row).amax(dim=1) >= SAME_OBJECT)
    return known


def split(values: list[Tensor] | Tensor, counts: list[Tensor] | Tensor, width: int) -> list[Tensor]:
    """Flat values to one (count, width) tensor per image, in main memory."""
    flat, lengths = (v if isinstance(v, Tensor) else torch.cat(v) for v in (values, counts))
    return list(torch.split(flat.cpu().reshape(-1, width), lengths.long().tolist()))
