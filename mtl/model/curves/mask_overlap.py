"""How far the masks of detections and objects overlap."""

from dataclasses import dataclass

from mtl.data.batch import BoxBatch
from mtl.data.instances import InstanceBatch
from mtl.model.curves.matching import Floats
from mtl.model.head.detections import Detections
from mtl.model.head.instance_detections import InstanceDetections
from mtl.model.head.mask_overlaps import mask_overlaps


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
        size = (self.side, self.side)
        return mask_overlaps(found.crops(size), truth.counted_masks(row), size)
