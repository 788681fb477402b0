"""Objects and detections written as rows."""

from collections.abc import Sequence

import numpy as np
import torch

from mtl.data.batch import BoxBatch, Labelled
from mtl.data.sample import Boxes
from mtl.model.head.detections import Detections


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
