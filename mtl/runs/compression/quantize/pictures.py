"""Pictures of a run's own training split."""

import numpy as np

from mtl.runs.compression.base import Workpiece
from mtl.runs.compression.quantize.calibration import Pictures


def pictures(work: Workpiece, count: int) -> list[Pictures]:
    """Batches as they go into the network; a seeded choice, always the same.

    Args:
        work: with the data.
        count: of pictures at most.
    """
    return [np.ascontiguousarray(batch.image.numpy()) for batch in work.images("train", count)]
