"""What FCOS says at each point, and the boxes that it means (Tian et al., 2019)."""

from torch import Tensor

from mtl.model.head.detections import DetectionBatch
from mtl.model.head.fcos_points import Points
from mtl.model.head.losses import full_precision

RAW = ("cls_logits", "bbox_regression", "bbox_ctrness")
"""The parts of the raw output."""


def full_precision_of(raw: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Class logits (n, P, C), sides (n, P, 4), centerness (n, P); float32 where it was less."""
    logits, sides, centerness = (full_precision(raw[name]) for name in RAW)
    return logits, sides, centerness.squeeze(-1)


def confidence_of(raw: dict[str, Tensor]) -> Tensor:
    """(n, P) in 0..1: the square of the score of each point's likeliest class."""
    logits, _, centerness = full_precision_of(raw)
    return logits.amax(-1).sigmoid() * centerness.sigmoid()


def candidates_of(
    raw: dict[str, Tensor], points: Points, *, most: int, threshold: float, image_size: int
) -> tuple[DetectionBatch, Tensor]:
    """The best of all points' answers, before non-maximum suppression.

    A candidate's score is the geometric mean of its class's probability and its centerness.

    Args:
        raw: of n images at P points.
        points: these.
        most: how many candidates of an image there are at most.
        threshold: those that score no more are not valid.
        image_size: boxes are clipped to the picture of this side.

    Returns:
        Candidates in R places, and (n, R) int64 of which point each is.
    """
    logits, sides, centerness = full_precision_of(raw)
    scores = (logits.sigmoid() * centerness.sigmoid().unsqueeze(-1)).sqrt_()
    classes = scores.shape[-1]
    scores, where = scores.flatten(1).topk(min(most, scores.shape[1] * classes))
    spots = where.div(classes, rounding_mode="floor")
    boxes = points.decode(sides).gather(1, spots[..., None].expand(-1, -1, 4))
    good = scores > threshold
    return DetectionBatch(boxes.clamp(0, image_size), scores, where % classes, good), spots
