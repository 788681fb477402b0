"""How far keypoints are off, in terms of their object's size."""

import torch
from torch import Tensor

NEAR = 0.2
"""Share of the object's size within which a keypoint is found."""


def object_sizes(truth: Tensor, side: int) -> Tensor:
    """(n,): the longer side of the box around each object's known keypoints.

    The picture's side where these are in one place, as a single one is.

    Args:
        truth: (n, K, 3), at least one keypoint of each known.
        side: of the picture, pixels.
    """
    known = (truth[..., 2] > 0).unsqueeze(-1)
    places = truth[..., :2]
    high = places.masked_fill(~known, -torch.inf).amax(1)
    low = places.masked_fill(~known, torch.inf).amin(1)
    longer = (high - low).amax(-1)
    return torch.where(longer > 0, longer, side)


def keypoint_errors(points: Tensor, truth: Tensor, side: int) -> dict[str, Tensor]:
    """Metric to its value for each of n objects; the metrics are their means, see ``Keypoints``.

    Args:
        points: (n, K, 3) x, y in pixels, and a score.
        truth: (n, K, 3) x, y in pixels, and the visibility.
        side: of the picture, pixels.
    """
    known = truth[..., 2] > 0
    gap = (points[..., :2] - truth[..., :2]).square().sum(-1).sqrt()
    shares = gap / object_sizes(truth, side).unsqueeze(-1)
    count = known.sum(-1)
    return {
        "pck": ((shares <= NEAR) & known).sum(-1) / count,
        "nme": (shares * known).sum(-1) / count,
    }
