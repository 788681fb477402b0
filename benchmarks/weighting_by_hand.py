"""Steps as one would write them for three tasks, without a framework."""

import random
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

Combine = Callable[[Tensor], Tensor]


class HandStep:
    """Forward, backward and optimiser step.

    Args:
        losses: runs the forward pass.
        shared: parameters of the encoder.
        own: parameters of the heads.
        optimizer: of all.
        combine: (T, N) gradients of the shared parameters to (N,); None for the plain sum.
    """

    def __init__(
        self,
        losses: Callable[[], Sequence[Tensor]],
        shared: Sequence[nn.Parameter],
        own: Sequence[nn.Parameter],
        optimizer: torch.optim.Optimizer,
        combine: Combine | None = None,
    ) -> None:
        self.losses = losses
        self.shared = list(shared)
        self.own = list(own)
        self.optimizer = optimizer
        self.combine = combine

    def __call__(self) -> None:
        losses = self.losses()
        self.optimizer.zero_grad()
        if self.combine is None:
            torch.stack(tuple(losses)).sum().backward()  # type: ignore[no-untyped-call]
        else:
            self._backward(losses, self.combine)
        self.optimizer.step()

    def _backward(self, losses: Sequence[Tensor], combine: Combine) -> None:
        rows = []
        for number, loss in enumerate(losses):
            found = torch.autograd.grad(
                loss,
                [*self.shared, *self.own],
                retain_graph=number < len(losses) - 1,
                allow_unused=True,
            )
            count = len(self.shared)
            rows.append(
                torch.cat(
                    [
                        (torch.zeros_like(p) if g is None else g).reshape(-1)
                        for p, g in zip(self.shared, found[:count], strict=True)
                    ]
                )
            )
            for parameter, gradient in zip(self.own, found[count:], strict=True):
                if gradient is not None:
                    parameter.grad = gradient
        combined = combine(torch.stack(rows))
        place = 0
        for parameter in self.shared:
            part = combined[place : place + parameter.numel()].view(parameter.shape)
            parameter.grad = torch.empty_like(parameter).copy_(part)
            place += parameter.numel()


def pcgrad(rows: Tensor) -> Tensor:
    """Each row loses what opposes the others (Yu et al., 2020)."""
    total = torch.zeros_like(rows[0])
    for i, row in enumerate(rows):
        projected = row.clone()
        for j in random.sample(range(len(rows)), len(rows)):
            dot = projected @ rows[j]
            if j != i and dot < 0:
                projected -= dot / (rows[j] @ rows[j]) * rows[j]
        total += projected
    return total


def mgda(rows: Tensor) -> Tensor:
    """The shortest vector in the convex hull, by Frank-Wolfe (Sener and Koltun, 2018)."""
    gramian = rows @ rows.T
    weights = torch.full((len(rows),), 1 / len(rows))
    for _ in range(20):
        best = int((gramian @ weights).argmin())
        corner = torch.zeros_like(weights)
        corner[best] = 1
        move = corner - weights
        curvature = float(move @ gramian @ move)
        if curvature <= 0:
            break
        length = min(max(-float(move @ gramian @ weights) / curvature, 0.0), 1.0)
        weights = weights + length * move
    return weights @ rows
