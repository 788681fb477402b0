"""How far the masks of detections and objects overlap."""

from dataclasses import dataclass

import numpy as np
from faster_coco_eval import mask as coco

from mtl.data.batch import BoxBatch
from mtl.data.instances import InstanceBatch
from mtl.model.curves.matching import Floats
from mtl.model.head.detections import Detections
from mtl.model.head.instance_detections import InstanceDetections
from mtl.model.head.run_lengths import run_lengths


@dataclass(frozen=True)
class MaskOverlap:
    """``of_boxes`` by masks.

    Args:
        side: of the picture, pixels.
    """

    side: int

    def __call__(self, found: Detections, truth: BoxBatch, row: int) -> Floats:
        """See ``of_boxes``."""
        assert isinstance(found, InstanceDetections)
        assert isinstance(truth, InstanceBatch)
        objects = truth.counted_masks(row)
        if not len(found) or not objects:
            return np.zeros((len(found), len(objects)))
        size = (self.side, self.side)
        one, other = (
            [{"size": list(size), "counts": run_lengths(crop, size)} for crop in crops]
            for crops in (found.crops(size), objects)
        )
        return np.asarray(coco.iou(one, other, [0] * len(other)), np.float64)
