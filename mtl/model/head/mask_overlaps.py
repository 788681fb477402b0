"""How far masks overlap, as COCO measures it."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from faster_coco_eval import mask as coco

from mtl.data.masks import Crop
from mtl.model.head.run_lengths import run_lengths


def mask_overlaps(
    found: Sequence[Crop], objects: Sequence[Crop], size: tuple[int, int], crowd: bool = False
) -> npt.NDArray[np.float64]:
    """IoU, or the share of what was found that lies in the object.

    Args:
        found: d masks.
        objects: g masks.
        size: (H, W) of the picture.
        crowd: whether it is the share, as with objects that COCO calls a crowd (Lin et al., 2014).

    Returns:
        (d, g) in 0..1.
    """
    if not found or not objects:
        return np.zeros((len(found), len(objects)))
    one, other = (
        [{"size": list(size), "counts": run_lengths(crop, size)} for crop in crops]
        for crops in (found, objects)
    )
    return np.asarray(coco.iou(one, other, [int(crowd)] * len(other)), np.float64)
