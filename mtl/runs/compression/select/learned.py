"""Gates that are learned, under a pressure that rises until the budget is met."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Protocol

import torch
from torch import Tensor

from mtl.data.batch import Batch
from mtl.model.backbone.base import Features
from mtl.model.network import Network
from mtl.runs.compression.select.budget import allowed
from mtl.runs.compression.select.levels import Levels, fused, gated, losses

MEMORY = 0.9
"""Of the running mean of a gradient's square."""
RANGE = 10.0
"""Factor by which the pressure can rise, or fall, in all."""


class Batches(Protocol):
    """Batches that can be gone through again."""

    def __iter__(self) -> Iterator[Batch]:
        """Once more."""

    def __len__(self) -> int:
        """How many there are."""


class Gates(ABC):
    """One task's gates over n channels, those of all its strides in a row.

    Args:
        count: n.
        start: value of all parameters before the first step.
        reach: how far a parameter moves in all under a slope of the usual size.
        seed: of what is drawn.
    """

    def __init__(self, count: int, start: float, reach: float, seed: int) -> None:
        self.count = count
        self.parameters = torch.full((count,), start)
        self.reach = reach
        self.random = torch.Generator().manual_seed(seed)

    @abstractmethod
    def sample(self, parameters: Tensor, rows: int) -> Tensor:
        """The gates for a batch of so many rows, (n,) or (rows, n), of the parameters."""

    @abstractmethod
    def step(self, slope: Tensor, pressure: float, rate: float) -> None:
        """Change the parameters.

        Args:
            slope: (n,), of the task's loss, with a mean square of about 1.
            pressure: towards closed gates, in the same terms.
            rate: length of the step.
        """

    @property
    @abstractmethod
    def open(self) -> float:
        """How many gates are open, or may be expected to be."""

    @property
    @abstractmethod
    def scores(self) -> Tensor:
        """(n,): the larger, the rather a gate is to stay open."""


def learn(
    network: Network,
    batches: Batches,
    make: Callable[[int, int], Gates],
    keep: float,
    epochs: int,
    seed: int,
) -> Levels:
    """Learn each task's gates on the features that its head reads, on the task's own loss.

    Weights stay as they are: where they could grow against the gates, small gates would say
    nothing. A task's slopes are divided by their running root mean square, so that neither the
    size of its loss nor that of its features matters, and the pressure on its gates rises while
    more of them are open than its budget allows, and falls while fewer are.

    Args:
        network: in evaluation mode.
        batches: labelled, with normalised images.
        make: a number of channels and a seed to a task's gates.
        keep: share of a task's channels that may stay, over all its strides.
        epochs: how often the batches are gone through.
        seed: of what is drawn.

    Returns:
        Task to stride to the scores, (C,); without tasks that have no label.
    """
    steps = epochs * len(batches)
    learners: dict[str, _Learner] = {}
    for _ in range(epochs):
        for batch in batches:
            features = fused(network, batch.image)
            for number, (task, found) in enumerate(features.items()):
                if task not in learners:
                    sizes = {stride: maps.shape[1] for stride, maps in found.items()}
                    gates = make(sum(sizes.values()), seed + number)
                    learners[task] = _Learner(gates, sizes, keep, steps)
            drawn = {task: learners[task].draw(found) for task, found in features.items()}
            for task, (loss, _) in losses(network, gated(features, drawn), batch).items():
                learners[task].learn(loss)
    return {task: learner.scores() for task, learner in learners.items() if learner.count}


class _Learner:
    """A task's gates, and how they are moved."""

    def __init__(self, gates: Gates, sizes: dict[int, int], keep: float, steps: int) -> None:
        self.gates = gates
        self.sizes = sizes
        self.budget = allowed(list(sizes.values()), keep)
        self.rate = gates.reach / steps
        self.rise = RANGE ** (1 / steps)
        self.pressure = 1.0
        self.square = 0.0
        self.count = 0

    def draw(self, features: Features) -> dict[int, Tensor]:
        """Stride to this batch's gates."""
        rows = len(next(iter(features.values())))
        self.leaf = self.gates.parameters.clone().requires_grad_()
        drawn = self.gates.sample(self.leaf, rows)
        return dict(zip(self.sizes, torch.split(drawn, list(self.sizes.values()), -1), strict=True))

    def learn(self, loss: Tensor) -> None:
        """A step on the loss of the batch that gates were drawn for."""
        (slope,) = torch.autograd.grad(loss, [self.leaf])
        self.count += 1
        self.square = MEMORY * self.square + (1 - MEMORY) * float(slope.square().mean())
        usual = (self.square / (1 - MEMORY**self.count)) ** 0.5
        # Less the nearer the budget is, so that gates don't close beyond it.
        excess = max(0.0, self.gates.open - self.budget) / max(1, self.gates.count - self.budget)
        self.gates.step(slope / max(usual, 1e-12), self.pressure * excess, self.rate)
        self.pressure *= self.rise if excess else 1 / self.rise

    def scores(self) -> dict[int, Tensor]:
        """By stride."""
        parts = torch.split(self.gates.scores, list(self.sizes.values()))
        return dict(zip(self.sizes, parts, strict=True))
