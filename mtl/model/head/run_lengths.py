"""Masks as COCO writes them: compressed run lengths of a picture, column by column."""

import numpy as np
from faster_coco_eval import mask as coco

from mtl.data.masks import Crop


def run_lengths(crop: Crop, size: tuple[int, int]) -> bytes:
    """COCO's compressed ``counts``.

    Args:
        crop: left, top and the pixels.
        size: (H, W) of the picture.
    """
    left, top, pixels = crop
    height, width = size
    columns = np.zeros((pixels.shape[1], height), np.bool_)
    columns[:, top : top + pixels.shape[0]] = pixels.T
    changes = np.flatnonzero(np.diff(columns.ravel(), prepend=False, append=False))
    ends = np.unique([*(changes + left * height).tolist(), height * width])
    counts = np.diff(ends, prepend=0).tolist()
    (found,) = coco.frPyObjects([{"size": [height, width], "counts": counts}], height, width)
    content = found["counts"]
    return content if isinstance(content, bytes) else str(content).encode()


def whole_mask(counts: bytes, size: tuple[int, int]) -> np.ndarray:
    """The counterpart: (H, W) bool."""
    return np.asarray(coco.decode({"size": list(size), "counts": counts}), np.bool_)
