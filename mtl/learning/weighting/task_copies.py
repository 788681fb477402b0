"""What methods keep of every task at every compared parameter."""

from collections.abc import Callable, Sequence
from typing import Any

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

    def get_extra_state(self) -> dict[str, Any]:
        """For checkpoints."""
        return {"tensors": self.tensors}

    @torch.no_grad()
    def set_extra_state(self, state: dict[str, Any]) -> None:
        """The counterpart; devices and layouts stay."""
        for own, kept in zip(self.tensors, state["tensors"], strict=True):
            for tensor, value in zip(own, kept, strict=True):
                tensor.copy_(value)
