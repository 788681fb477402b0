"""Non-maximum suppression of whole batches, as one operator that exports know by name."""

import torch
from torch import Tensor
from torchvision.ops import batched_nms


@torch.library.custom_op("mtl::kept", mutates_args=())
def kept(
    boxes: Tensor,
    scores: Tensor,
    labels: Tensor,
    valid: Tensor,
    overlap: float,
    most: int,
    classes: int,
) -> Tensor:
    """Which boxes no better one of their class in the same image overlaps.

    How many these are differs from image to image, so that a graph which is the same for all
    images can hold it as one operator only.

    Args:
        boxes: (n, R, 4) xyxy.
        scores: (n, R), above 0 where valid.
        labels: (n, R) int64.
        valid: (n, R) bool, those that are valid before those that aren't.
        overlap: IoU above which two boxes are one object.
        most: how many of an image's best are kept at most; a translation into another language may
            count those of a class.
        classes: how many there are.

    Returns:
        (n, R) bool.
    """
    found = torch.zeros_like(valid)
    for row, count in enumerate(valid.sum(dim=1).tolist()):
        best = batched_nms(boxes[row, :count], scores[row, :count], labels[row, :count], overlap)
        found[row, best[:most]] = True
    return found


@kept.register_fake
def _(
    boxes: Tensor,
    scores: Tensor,
    labels: Tensor,
    valid: Tensor,
    overlap: float,
    most: int,
    classes: int,
) -> Tensor:
    return torch.empty_like(valid)
