"""Losses of numbers that are given in standard deviations of the training split."""

import torch
from torch import Tensor
from torch.nn import functional as F

WIDEST = 10.0
"""Bound of a learned log variance, either way: e^5 standard deviations."""


def normal_likelihood(error: Tensor, log_variance: Tensor) -> Tensor:
    """Negative log-likelihood of a normal distribution, less its constant log(2π) / 2.

    Nix and Weigend, Estimating the mean and variance of the target probability distribution, 1994;
    with the logarithm learned, as Kendall and Gal, What uncertainties do we need, 2017.

    Args:
        error: from the mean.
        log_variance: of the same shape.

    Returns:
        Of that shape; below 0 where the variance is small and rightly so.
    """
    return (log_variance + error.square() * (-log_variance).exp()) / 2


def normal_divergence(error: Tensor, log_variance: Tensor, taught_log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence of a teacher's normal distribution from the student's, nats.

    Args:
        error: between the two means.
        log_variance: the student's.
        taught_log_variance: the teacher's.
    """
    wider = taught_log_variance - log_variance
    return (wider.exp() + error.square() * (-log_variance).exp() - 1 - wider) / 2


def poisson_divergence(log_count: Tensor, truth: Tensor) -> Tensor:
    """Kullback-Leibler divergence of Poisson distributions, nats: half the deviance.

    It is the negative log-likelihood of the truth less that of the best answer, so that 0 is
    perfect (McCullagh and Nelder, Generalized Linear Models, 1989).

    Args:
        log_count: logarithm of the expected count.
        truth: count from 0 up, of the same shape.
    """
    return torch.xlogy(truth, truth) - truth * log_count - truth + log_count.exp()


def distance(error: Tensor, loss: str, delta: float) -> Tensor:
    """Of each number from what it should be.

    Args:
        error: of any shape.
        loss: ``l1``, ``l2`` (the square) or ``huber`` (Huber, 1964).
        delta: error from which on ``huber`` is linear.
    """
    if loss == "l1":
        return error.abs()
    if loss == "l2":
        return error.square()
    return F.huber_loss(error, torch.zeros_like(error), reduction="none", delta=delta)


def known_mean(losses: Tensor, known: Tensor) -> Tensor:
    """The mean over what is known; 0, with a gradient of 0, where nothing is.

    Args:
        losses: finite everywhere.
        known: bool, of the same shape.
    """
    return torch.where(known, losses, 0).sum() / known.sum().clamp(min=1)
