"""How far detections and objects overlap, by their boxes."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mtl.data.batch import BoxBatch
from mtl.model.curves.matching import Floats, Places, overlaps
from mtl.model.head.detections import Detections

Overlap = Callable[[Detections, BoxBatch, int], Floats]
"""Takes an image's detections, the objects of a batch and the image's row; see ``of_boxes``."""


def objects_of(truth: BoxBatch, row: int) -> tuple[npt.NDArray[np.float32], Places]:
    """One image's objects that are measured: (g, 4) xyxy and (g,) classes."""
    counted = truth.counted[row]
    return truth.xyxy[row][counted].float().numpy(), truth.labels[row][counted].numpy()


def of_boxes(found: Detections, truth: BoxBatch, row: int) -> Floats:
    """(d, g) IoU of an image's detections with its objects that are measured, by boxes."""
    return overlaps(found.boxes.float().numpy(), objects_of(truth, row)[0])
