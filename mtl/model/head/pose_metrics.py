"""Mean average precision and recall of objects by their keypoints."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from faster_coco_eval import COCO, COCOeval_faster
from torch import Tensor
from torchmetrics import Metric

from mtl.data.batch import BoxBatch
from mtl.data.poses import PoseBatch
from mtl.model.curves.coco import MOST, OVERLAPS, RECALLS
from mtl.model.head.detection_metrics import DetectionMetrics, countable, split
from mtl.model.head.detections import Detections
from mtl.model.head.keypoint_similarity import areas
from mtl.model.head.pose_detections import PoseDetections

Rows = list[Tensor]


class PoseMetrics(DetectionMetrics):
    """As ``DetectionMetrics``, with object keypoint similarity in place of IoU.

    As in COCO's evaluation of ``keypoints``, but of an image's 100 best objects and not of 20; an
    object's area is a share of its box (see ``keypoint_similarity``). An object of which no
    keypoint is known is left out, as difficult ones are (see ``PoseDetections.of_difficult``).

    Args:
        names: of ``map``, ``map50``, ``recall``.
        classes: class names.
        per_class: add ``map_<class>`` for each class that has an object.
        sigmas: of the K keypoints.
    """

    def __init__(
        self, names: Sequence[str], classes: Sequence[str], per_class: bool, sigmas: Sequence[float]
    ) -> None:
        self.sigmas = tuple(sigmas)
        super().__init__(names, classes, per_class)

    def make_precision(self, per_class: bool) -> Metric:
        """See ``DetectionMetrics``."""
        return _PosePrecision(self.sigmas)


class _PosePrecision(Metric):
    """COCO's evaluation over flat states, as ``_AveragePrecision`` has them."""

    full_state_update = False
    detected: list[Tensor]
    detected_count: list[Tensor]
    objects: list[Tensor]
    object_count: list[Tensor]

    def __init__(self, sigmas: tuple[float, ...]) -> None:
        super().__init__()
        self.sigmas = sigmas
        for state in ("detected", "detected_count", "objects", "object_count"):
            self.add_state(state, default=[], dist_reduce_fx="cat")

    def update(self, prediction: Sequence[Detections], truth: BoxBatch) -> None:
        device = truth.labels.device
        empty = torch.zeros(0, device=device)
        rows = []
        for own in countable(prediction, truth):
            assert isinstance(own, PoseDetections)
            columns = own.labels[:, None].float(), own.scores[:, None].float(), own.boxes.float()
            rows.append(torch.cat([*columns, own.points.float().flatten(1)], 1))
        self.detected.append(torch.cat([row.flatten() for row in rows] or [empty]))
        self.detected_count.append(torch.tensor([float(len(row)) for row in rows], device=device))
        shape = (*truth.labels.shape, 3 * len(self.sigmas))
        # Boxes alone are those of no image at all.
        points = truth.xyxy.new_zeros(shape)
        if isinstance(truth, PoseBatch):
            points = truth.points.float().flatten(2)
        counted = truth.counted
        columns = truth.labels[..., None].float(), counted[..., None].float(), truth.xyxy.float()
        objects = torch.cat([*columns, points], 2)
        self.objects.append(objects[counted].flatten())
        self.object_count.append(counted.sum(dim=1).float())

    def compute(self) -> dict[str, Tensor]:
        width = 6 + 3 * len(self.sigmas)
        detected = split(self.detected, self.detected_count, width)
        objects = split(self.objects, self.object_count, width)
        return average_precision(detected, objects, self.sigmas)


def average_precision(detected: Rows, objects: Rows, sigmas: Sequence[float]) -> dict[str, Tensor]:
    """COCO's evaluation of keypoints.

    Args:
        detected: of each image (k, 6 + 3 K): class, score, box and points.
        objects: likewise; their scores mean nothing.
        sigmas: of the K keypoints.

    Returns:
        Numbers as torchmetrics calls them, -1 where there is nothing to measure; ``classes`` are
        those that have an object or a detection.
    """
    every = torch.cat([*detected, *objects]) if detected else torch.zeros(0, 1)
    classes = sorted({int(label) for label in every[:, 0].tolist()})
    nothing = torch.tensor(-1.0)
    if not classes:
        return {"map": nothing, "map_50": nothing, "mar_100": nothing}
    evaluation = COCOeval_faster(
        _coco(objects, classes), _coco(detected, classes), "keypoints", kpt_oks_sigmas=list(sigmas)
    )
    asked = evaluation.params
    asked.imgIds, asked.catIds = list(range(len(detected))), classes
    asked.iouThrs, asked.recThrs, asked.maxDets = OVERLAPS, RECALLS, [MOST]
    asked.areaRng, asked.areaRngLbl = [[0, 1e10]], ["all"]
    evaluation.evaluate()
    evaluation.accumulate()
    precision, recall = (evaluation.eval[name][..., 0, 0] for name in ("precision", "recall"))
    return {
        "map": _mean(precision),
        "map_50": _mean(precision[:1]),
        "mar_100": _mean(recall),
        "map_per_class": torch.stack([_mean(own) for own in np.moveaxis(precision, 2, 0)]),
        "classes": torch.tensor(classes),
    }


def _mean(values: Any) -> Tensor:
    measured = values[values > -1]
    return torch.tensor(measured.mean() if len(measured) else -1.0, dtype=torch.float32)


def _coco(images: Rows, classes: Sequence[int]) -> COCO:
    annotations: list[Mapping[str, Any]] = []
    for image, rows in enumerate(images):
        for (label, score, x1, y1, x2, y2, *points), area in zip(
            rows.tolist(), areas(rows[:, 2:6].double()).tolist(), strict=True
        ):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": int(label),
                    "score": score,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": area,
                    "keypoints": points,
                    "num_keypoints": 1,
                    "iscrowd": 0,
                }
            )
    made = COCO()
    made.dataset = {
        "images": [{"id": image} for image in range(len(images))],
        "annotations": annotations,
        "categories": [{"id": index} for index in classes],
    }
    made.createIndex()
    return made
