"""The optimiser of weights that don't learn by backpropagation."""

import torch
from torch import Tensor, nn


class InnerAdam(nn.Module):
    """Adam (Kingma and Ba, 2015) on some entries of a vector, with all it remembers in buffers.

    Each entry counts its own steps, and one that isn't stepped stays as it is.

    Args:
        count: length of the vector.
        rate: greater than 0, the learning rate.
        decay: at least 0, times the entry is added to its gradient.
    """

    mean: Tensor
    square: Tensor
    steps: Tensor

    def __init__(self, count: int, rate: float, decay: float = 0.0) -> None:
        super().__init__()
        self.rate = rate
        self.decay = decay
        for name in ("mean", "square", "steps"):
            self.register_buffer(name, torch.zeros(count))

    @torch.no_grad()
    def step(self, vector: Tensor, index: Tensor, gradient: Tensor) -> None:
        """Change entries of a vector in place.

        Args:
            vector: (count,).
            index: (m,) int64, which entries.
            gradient: (m,).
        """
        entries = vector[index]
        gradient = gradient.to(entries) + self.decay * entries
        steps = self.steps[index] + 1
        mean = self.mean[index].lerp(gradient, 0.1)
        square = self.square[index].lerp(gradient.square(), 0.001)
        self.steps[index], self.mean[index], self.square[index] = steps, mean, square
        spread = (square / (1 - 0.999**steps)).sqrt() + 1e-8
        vector[index] = entries - self.rate * mean / (1 - 0.9**steps) / spread
