"""Losses of depths; what is unknown (NaN) counts for nothing."""

import torch
from torch import Tensor


def absolute(depth: Tensor, truth: Tensor) -> Tensor:
    """L1: the mean absolute error of the known pixels of a batch; 0 where there are none.

    Args:
        depth: (n, H, W).
        truth: (n, H, W), NaN where unknown.
    """
    known, truth = _known(truth)
    return mean_of((depth - truth).abs(), known)


def berhu(depth: Tensor, truth: Tensor) -> Tensor:
    """Reverse Huber: |x| up to c, from there on (x² + c²) / 2c, c a fifth of the largest error.

    Laina et al., Deeper depth prediction with fully convolutional residual networks, 2016; the
    largest error is that of the batch.
    """
    known, truth = _known(truth)
    error = (depth - truth).abs().where(known, 0)
    bend = 0.2 * error.detach().amax() if error.numel() else error.new_zeros(())
    squared = (error.square() + bend.square()) / (2 * bend.clamp(min=torch.finfo(error.dtype).tiny))
    return mean_of(torch.where(error <= bend, error, squared), known)


def scale_invariant_log(depth: Tensor, truth: Tensor, invariance: float) -> Tensor:
    """mean(d²) - λ · mean(d)² of each image, d being the differences of logarithms.

    Eigen, Puhrsch and Fergus, Depth map prediction from a single image using a multi-scale deep
    network, 2014. The mean over the images of which something is known.

    Args:
        depth: (n, H, W), above 0.
        truth: (n, H, W), NaN where unknown.
        invariance: λ in 0..1; with 1 a common factor of an image's depths costs nothing.
    """
    known, truth = _known(truth)
    difference = (depth.log() - truth.log()).where(known, 0).flatten(1)
    pixels = known.flatten(1).sum(1)
    count = pixels.clamp(min=1)
    squares = difference.square().sum(1) / count
    each = squares - invariance * (difference.sum(1) / count).square()
    return mean_of(each, pixels > 0)


def mean_of(values: Tensor, known: Tensor) -> Tensor:
    """The mean of the known values; 0 with gradient where there are none."""
    return values.where(known, 0).sum() / known.sum().clamp(min=1)


def _known(truth: Tensor) -> tuple[Tensor, Tensor]:
    """Which are, and numbers that can be reckoned with in place of the others."""
    known = ~truth.isnan()
    return known, truth.where(known, 1)
