"""What methods keep of every task at every compared parameter."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


class TaskCopies(nn.Module):
    """One tensor like each compared parameter for each task, zeros at first.

    It moves with the module and is in checkpoints, but is no buffer: DDP would send buffers to all
    processes at every step, and averaging of weights would average them.

    Args:
        tasks: how many.
    """

    def __init__(self, tasks: int) -> None:
        super().__init__()
        self.tensors: list[list[Tensor]] = [[] for _ in range(tasks)]

    def bind(self, parameters: Sequence[nn.Parameter]) -> None:
        """Make them, each in the memory layout of its parameter."""
        self.tensors = [[torch.zeros_like(p) for p in parameters] for _ in self.tensors]

    def of(self, task: int) -> list[Tensor]:
        """Those of one task, to be changed in place."""
        return self.tensors[task]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "TaskCopies":
        """Also what ``to`` and ``double`` call."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.tensors = [[fn(tensor) for tensor in row] for row in self.tensors]
        return self

    def get_extra_state(self) -> Tensor:
        """All in one vector, for checkpoints."""
        parts = [tensor.reshape(-1) for row in self.tensors for tensor in row]
        return torch.cat(parts) if parts else torch.zeros(0)

    @torch.no_grad()
    def set_extra_state(self, state: Tensor) -> None:
        """The counterpart; devices and layouts stay."""
        tensors = [tensor for row in self.tensors for tensor in row]
        for tensor, part in zip(
            tensors, torch.split(state, [tensor.numel() for tensor in tensors]), strict=True
        ):
            tensor.copy_(part.view(tensor.shape))
