"""What FCOS's answers cost, beside the truth and beside a teacher's answers."""

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from mtl.data.batch import BoxBatch
from mtl.model.head.fcos_outputs import confidence_of, full_precision_of
from mtl.model.head.fcos_points import Points
from mtl.model.head.fcos_targets import Assignment
from mtl.model.head.losses import giou_loss
from mtl.model.head.soft_losses import binary_divergence


def fcos_loss(
    raw: dict[str, Tensor],
    boxes: BoxBatch,
    found: Assignment,
    points: Points,
    *,
    alpha: float,
    gamma: float,
    class_weights: Tensor,
) -> Tensor:
    """Focal + GIoU + centerness, summed over the batch, per foreground point.

    Points on nothing but difficult objects take no part, nor do classes that were not looked
    for in an image, but for objects of theirs that are given nevertheless. The sum is divided
    by the number of images in which some class was looked for where that is larger, so that
    empty images still teach what background is, and a batch of many of them no more than a
    batch of one.

    Args:
        raw: of n images at P points.
        boxes: theirs, with places for at least one object.
        found: which point answers for which.
        points: P points.
        alpha: of the focal loss.
        gamma: of the focal loss.
        class_weights: (C,) factors of the focal loss.

    Returns:
        A scalar.
    """
    logits, sides, centerness = full_precision_of(raw)
    # Every point has an object to look at, if a made-up one: how many points answer for a real
    # one is known on the GPU alone, and asking it would make the step wait.
    label = torch.where(found.foreground, boxes.labels.gather(1, found.object), -1)
    truth = boxes.xyxy.gather(1, found.object.unsqueeze(-1).expand(-1, -1, 4)).to(sides.dtype)
    truth = torch.where(found.foreground.unsqueeze(-1), truth, points.boxes(sides.dtype))

    classes = torch.arange(logits.shape[-1], device=logits.device)
    wanted = (label.unsqueeze(-1) == classes).to(logits.dtype)
    focal = sigmoid_focal_loss(logits, wanted, alpha, gamma)
    counted = (~found.ignored)[..., None] * class_weights.to(focal.dtype)
    images: Tensor | int = len(boxes)
    if boxes.looked_for is not None:
        counted = counted * (boxes.looked_for[:, None] | (wanted > 0))
        images = boxes.looked_for.any(dim=1).sum().clamp(min=1)
    position = giou_loss(points.decode(sides), truth)
    centered = F.binary_cross_entropy_with_logits(
        centerness, points.centerness(truth), reduction="none"
    )
    total: Tensor = (focal * counted).sum()
    total = total + ((position + centered) * found.foreground).sum()
    return total / found.foreground.sum().clamp(min=images)


def fcos_divergence(
    raw: dict[str, Tensor], taught: dict[str, Tensor], temperature: float
) -> Tensor:
    """Divergence of class logits, Huber loss of the sides, divergence of centerness, by point.

    Nearly all points see background, of which there is little to be learnt. So class logits
    count by the likeliest class's probability, the teacher's or the student's, whichever is
    larger: what only the student sees is to be taken back. Sides and centerness count by the
    teacher's confidence (``confidence_of``). The sum is divided by all
    of the teacher's confidence, which is what the foreground points are to ``fcos_loss``, and by
    the number of images where that is larger.

    Args:
        raw: of n images at P points.
        taught: a teacher's, likewise.
        temperature: see ``Head.distillation``.

    Returns:
        A scalar.
    """
    logits, sides, centerness = full_precision_of(raw)
    its_logits, its_sides, its_centerness = full_precision_of(taught)
    surer = torch.maximum(logits.detach(), its_logits).amax(-1).sigmoid()
    confidence = confidence_of(taught)
    classes = binary_divergence(logits, its_logits, temperature).sum(-1)
    position = F.smooth_l1_loss(sides, its_sides, reduction="none").mean(-1)
    centered = binary_divergence(centerness, its_centerness, temperature)
    total = (classes * surer).sum() + ((position + centered) * confidence).sum()
    return total / confidence.sum().clamp(min=len(logits))
