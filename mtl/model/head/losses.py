"""Losses over classes, as classification, multilabel and segmentation use them."""

import torch
from torch import Tensor
from torch.nn import functional as F

NO_LABEL = -100


def full_precision(logits: Tensor) -> Tensor:
    """At least float32, whatever autocast made of them."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    smoothing: float = 0.0,
    gamma: float = 0.0,
    ignore: int = NO_LABEL,
) -> Tensor:
    """Mean cross-entropy with class weights, label smoothing and focusing.

    Without focusing it is ``torch.nn.functional.cross_entropy``, but 0 (with gradient) where every
    entry is ignored. Focusing multiplies each entry by (1 - p)^gamma, p being the probability of
    its true class (Lin et al., Focal loss for dense object detection, 2017).

    Args:
        logits: (n, C, ...).
        target: (n, ...) int64 class indices.
        weight: (C,) factors of the classes; the mean is weighted by them.
        smoothing: 0..1, the share of the target that is spread over all classes.
        gamma: 0 for none.
        ignore: the target value of entries that don't count.

    Returns:
        A scalar.
    """
    weight = None if weight is None else weight.to(logits.dtype)
    # One row for each entry: the loss over maps has no deterministic kernel on GPUs.
    rows = logits.movedim(1, -1).flatten(0, -2)
    loss = F.cross_entropy(
        rows,
        target.flatten(),
        weight,
        ignore_index=ignore,
        reduction="none",
        label_smoothing=smoothing,
    ).view(target.shape)
    valid = target != ignore
    index = torch.where(valid, target, 0)
    if gamma:
        true = logits.log_softmax(1).gather(1, index.unsqueeze(1)).squeeze(1).exp()
        loss = loss * _focus(true, gamma)
    share = valid.to(logits.dtype) if weight is None else weight[index] * valid
    return loss.sum() / _positive(share.sum())


def binary_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    positive_weight: Tensor | None = None,
    gamma: float = 0.0,
    ignore: int = -1,
) -> Tensor:
    """Mean binary cross-entropy over the entries that count; 0 where none does.

    With ``gamma`` it is the focal loss of torchvision (``alpha=-1``).

    Args:
        logits: (n, C).
        target: (n, C) of 0, 1 or ``ignore``.
        positive_weight: (C,) factors of the positive entries.
        gamma: exponent of the focal loss; 0 for none.
        ignore: the target value of entries that don't count.

    Returns:
        A scalar.
    """
    valid = target != ignore
    wanted = (target == 1).to(logits.dtype)
    weight = None if positive_weight is None else positive_weight.to(logits.dtype)
    loss = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none", pos_weight=weight)
    if gamma:
        loss = loss * _focus(torch.where(target == 1, logits, -logits).sigmoid(), gamma)
    return (loss * valid).sum() / _positive(valid.sum())


def soft_dice(logits: Tensor, target: Tensor, ignore: int) -> Tensor:
    """1 - Dice of softmax probabilities, the mean over the classes that occur in the target.

    Sums run over the whole batch (Milletari et al., V-Net, 2016, without its squares).

    Args:
        logits: (n, C, ...).
        target: (n, ...) int64 class indices.
        ignore: the target value of entries that don't count.

    Returns:
        A scalar in 0..1; 0 where every entry is ignored.
    """
    valid = (target != ignore).unsqueeze(1)
    classes = torch.arange(logits.shape[1], device=logits.device)
    one_hot = (target.unsqueeze(-1) == classes).movedim(-1, 1).to(logits.dtype) * valid
    probability = logits.softmax(1) * valid
    over = [d for d in range(logits.ndim) if d != 1]
    counts = one_hot.sum(over)
    dice = 2 * (probability * one_hot).sum(over) / _positive(probability.sum(over) + counts)
    occurs = counts > 0
    return ((1 - dice) * occurs).sum() / _positive(occurs.sum())


def giou_loss(boxes: Tensor, truth: Tensor) -> Tensor:
    """1 - generalised intersection over union (Rezatofighi et al., 2019).

    torchvision's waits for the GPU, which it asks how many boxes overlap.

    Args:
        boxes: (..., 4) xyxy, each side at least 0 long.
        truth: likewise.

    Returns:
        (...) in 0..2.
    """
    tiny = 1e-7
    overlap = _area(_sides(torch.maximum(boxes, truth), torch.minimum(boxes, truth)).clamp(min=0))
    hull = _area(_sides(torch.minimum(boxes, truth), torch.maximum(boxes, truth)))
    union = _area(_sides(boxes, boxes)) + _area(_sides(truth, truth)) - overlap
    return 1 - overlap / (union + tiny) + (hull - union) / (hull + tiny)


def _sides(near: Tensor, far: Tensor) -> Tensor:
    """(..., 2) from the corners near the origin of one and far from it of the other."""
    return far[..., 2:] - near[..., :2]


def _area(sides: Tensor) -> Tensor:
    return sides[..., 0] * sides[..., 1]


def _focus(true: Tensor, gamma: float) -> Tensor:
    # Away from 0, where the gradient of a power below 1 is infinite.
    return (1 - true).clamp(min=torch.finfo(true.dtype).eps) ** gamma


def _positive(total: Tensor) -> Tensor:
    return torch.where(total > 0, total, 1)
