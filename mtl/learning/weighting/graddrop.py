"""``weighting=graddrop``."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from mtl.errors import UserError
from mtl.learning.weighting.bases.rows import RowWeighting
from mtl.learning.weighting.bases.task_gradients import Row, TaskGradients


class GradDrop(RowWeighting):
    """Each coordinate keeps one sign, drawn by how much of the gradient has it (Chen et al., 2020).

    >>> seen = TaskGradients.of([[1.0, 2.0], [3.0, 0.0]])
    >>> GradDrop(["a", "b"]).combine(seen, seed=0)[0].tolist()  # no signs to drop
    [4.0, 2.0]

    Args:
        tasks: names of all tasks, in order.
        at: ``parameters`` or ``representation``; at the features each element of each sample's
            map draws for itself.
        leak: between 0 and 1, the share of every gradient that is let through regardless.

    Raises:
        UserError: ``at`` is a stage: a coordinate there says nothing about other stages.
    """

    places: ClassVar[tuple[str, ...]] = ("parameters", "representation")

    def __init__(
        self, tasks: Sequence[str], at: str | Sequence[str] = "parameters", leak: float = 0.0
    ) -> None:
        super().__init__(tasks, at)
        if not 0 <= leak <= 1:
            raise UserError(f"weighting.leak={leak}: must be between 0 and 1")
        self.leak = leak

    @torch.no_grad()
    def combine(self, seen: TaskGradients, seed: int) -> Row:
        """Coordinate by coordinate."""
        combined: Row = []
        generator: torch.Generator | None = None
        for column in zip(*seen.rows, strict=True):
            present = [gradient for gradient in column if gradient is not None]
            if not present:
                combined.append(None)
                continue
            if generator is None:
                generator = torch.Generator(present[0].device).manual_seed(seed)
            combined.append(self._drop(present, generator))
        return combined

    def _drop(self, gradients: list[Tensor], generator: torch.Generator) -> Tensor:
        total, size = torch.zeros_like(gradients[0]), torch.zeros_like(gradients[0])
        for gradient in gradients:
            total += gradient
            size += gradient.abs()
        # Where all are zero, so is the result, whatever the draw.
        positive = 0.5 * (1 + total / size.clamp(min=torch.finfo(size.dtype).tiny))
        draw = torch.rand(size.shape, generator=generator, device=size.device, dtype=size.dtype)
        keeps_positive = positive > draw
        kept = torch.zeros_like(total)
        for gradient in gradients:
            kept += torch.where((gradient > 0) == keeps_positive, gradient, self.leak * gradient)
        return kept
