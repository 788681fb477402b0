"""Object keypoint similarity, which is to poses what IoU is to boxes."""

from collections.abc import Sequence

import torch
from torch import Tensor

COCO = {
    "nose": 0.026,
    "left_eye": 0.025,
    "right_eye": 0.025,
    "left_ear": 0.035,
    "right_ear": 0.035,
    "left_shoulder": 0.079,
    "right_shoulder": 0.079,
    "left_elbow": 0.072,
    "right_elbow": 0.072,
    "left_wrist": 0.062,
    "right_wrist": 0.062,
    "left_hip": 0.107,
    "right_hip": 0.107,
    "left_knee": 0.087,
    "right_knee": 0.087,
    "left_ankle": 0.089,
    "right_ankle": 0.089,
}
"""How far people disagree on each point, in square roots of an object's area (Ronchi and Perona,
2017)."""
AREA = 0.53
"""How much of its box an object fills, where nobody knows (CrowdPose's evaluation; Li et al.,
2019)."""


def sigmas_of(names: Sequence[str], other: float) -> tuple[float, ...]:
    """COCO's where all names are COCO's.

    Args:
        names: of the keypoints.
        other: that of all, where some name isn't.
    """
    known = set(names) <= set(COCO)
    return tuple(COCO[name] if known else other for name in names)


def areas(xyxy: Tensor) -> Tensor:
    """(...) square pixels of objects in boxes, (..., 4)."""
    return (xyxy[..., 2:] - xyxy[..., :2]).prod(-1) * AREA


def similarity(
    places: Tensor, truth: Tensor, known: Tensor, area: Tensor, sigmas: Tensor
) -> Tensor:
    """The mean over the known keypoints of exp(-d² / (2 s² k²)), with s² the area and k = 2 sigma.

    OKS as COCO's evaluation computes it (https://cocodataset.org/#keypoints-eval).

    Args:
        places: (..., K, 2) x and y, pixels.
        truth: (..., K, 2) likewise; what broadcasts against it will do.
        known: (..., K) bool; 0 where none is.
        area: (...) square pixels.
        sigmas: (K,).

    Returns:
        (...) in 0..1.
    """
    gap = (places - truth).square().sum(-1)
    spread = 8 * sigmas.square() * area.unsqueeze(-1).clamp(min=torch.finfo(gap.dtype).eps)
    return ((-gap / spread).exp() * known).sum(-1) / known.sum(-1).clamp(min=1)
