"""``select.method=l0``."""

import math

import torch
from torch import Tensor

from mtl.runs.compression.select.learned import Gates

TEMPERATURE = 2 / 3
LOW, HIGH = -0.1, 1.1
"""Ends of the stretched interval."""
START = 1.0
REACH = 12.0


class L0Gates(Gates):
    """Hard concrete gates (Louizos, Welling and Kingma, 2018), drawn for each row of a batch.

    A gate is a binary concrete variable of location log alpha, stretched to -0.1..1.1 and clipped
    to 0..1, so that it is exactly 0 or 1 with some probability. What is penalised is the number of
    gates that may be expected not to be 0.

    The score is the probability that a gate is not 0.

    Args:
        count: see ``Gates``.
        seed: likewise.
    """

    def __init__(self, count: int, seed: int) -> None:
        super().__init__(count, START, REACH, seed)

    def sample(self, parameters: Tensor, rows: int) -> Tensor:
        """(rows, n) in 0..1."""
        drawn = torch.rand(rows, len(parameters), generator=self.random).clamp(1e-6, 1 - 1e-6)
        concrete = ((drawn.logit() + parameters) / TEMPERATURE).sigmoid()
        return (concrete * (HIGH - LOW) + LOW).clamp(0, 1)

    def step(self, slope: Tensor, pressure: float, rate: float) -> None:
        """A gradient step; the penalty's slopes are brought to a mean square of 1 as well."""
        chances = self.scores
        penalty = chances * (1 - chances)
        penalty = penalty / penalty.square().mean().sqrt().clamp(min=1e-12)
        self.parameters = self.parameters - rate * (slope + pressure * penalty)

    @property
    def open(self) -> float:
        """The sum of the probabilities."""
        return float(self.scores.sum())

    @property
    def scores(self) -> Tensor:
        """See the class."""
        return (self.parameters - TEMPERATURE * math.log(-LOW / HIGH)).sigmoid()
