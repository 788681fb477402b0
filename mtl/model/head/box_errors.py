"""How far single boxes are off."""

from torch import Tensor
from torchvision.ops import box_iou

FOUND = 0.5
"""IoU from which an object is found."""


def box_errors(boxes: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """Metric to its value for each of n images; the metrics are their means, see ``Box``.

    Args:
        boxes: (n, 4) xyxy pixels.
        truth: likewise.
    """
    iou = box_iou(boxes, truth).diagonal()
    error = boxes - truth
    return {
        "iou": iou,
        "mae": error.abs().mean(dim=1),
        "mse": error.square().mean(dim=1),
        "recall50": (iou >= FOUND).float(),
    }
