"""Objects and detections written as rows, and a head that finds some."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from mtl.data.batch import BoxBatch, Labelled
from mtl.data.sample import Boxes, Target
from mtl.model.backbone.base import Stage
from mtl.model.head.detection import Detection
from mtl.model.head.detections import Detections

STAGES = (Stage("a", 8, 4), Stage("b", 16, 8), Stage("c", 24, 16), Stage("d", 32, 32))


def objects(*images: Sequence[Sequence[float]]) -> BoxBatch:
    """Rows of x1, y1, x2, y2, label, difficult."""
    rows = [np.array(image, np.float32).reshape(-1, 6) for image in images]
    return BoxBatch.collate(
        [Boxes(r[:, :4], r[:, 4].astype(np.int64), r[:, 5].astype(np.bool_)) for r in rows]
    )


def labelled(boxes: BoxBatch) -> Labelled:
    return Labelled(torch.arange(len(boxes)), boxes)


def found(*rows: Sequence[float]) -> Detections:
    """Rows of x1, y1, x2, y2, label, score."""
    table = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 5], table[:, 4].long())


def head(classes: int = 3, image_size: int = 128, **options: Any) -> Detection:
    torch.manual_seed(0)
    target = Target("boxes", tuple(f"class{i}" for i in range(classes)))
    return Detection(target=target, stages=STAGES, image_size=image_size, **options)
