"""Which channels of its features a task goes on with."""

from collections.abc import Iterator, Mapping
from typing import cast

import torch
from torch import Tensor, nn

from mtl.errors import UserError
from mtl.model.backbone.base import Features, laid_out_as

Kept = Mapping[str, Mapping[int, Tensor]]
"""Task to stride to the indices of channels, (k,) int64, ascending."""
BETWEEN = "/"
"""Of task and stride in the name of a buffer, which may hold no dot."""


class ChannelChoice(nn.Module):
    """Lets some channels of each task's features through, in their order.

    Tasks that share their features and choose alike go on sharing them. What is chosen lies in the
    module's state, so that a checkpoint tells it (``take_channels``).

    Args:
        kept: what is chosen; a stride that isn't named goes through whole.
    """

    def __init__(self, kept: Kept) -> None:
        super().__init__()
        self.levels = {task: tuple(levels) for task, levels in kept.items()}
        for task, levels in kept.items():
            for stride, index in levels.items():
                self.register_buffer(_buffer(task, stride), index)
        self._like = {
            task: next(other for other in kept if _same(levels, kept[other]))
            for task, levels in kept.items()
        }

    def index(self, task: str, stride: int) -> Tensor | None:
        """The channels that a task goes on with; None for all."""
        if stride not in self.levels.get(task, ()):
            return None
        return cast(Tensor, getattr(self, _buffer(task, stride)))

    def names(self) -> Iterator[tuple[str, int, str]]:
        """Task and stride of all that is chosen, and the name of the buffer that says what."""
        for task, levels in self.levels.items():
            for stride in levels:
                yield task, stride, _buffer(task, stride)

    def forward(self, features: dict[str, Features]) -> dict[str, Features]:
        """Task to features, (B, C, h, w) each, to those with the chosen channels alone."""
        made: dict[tuple[int, str], Features] = {}
        chosen: dict[str, Features] = {}
        for task, found in features.items():
            key = id(found), self._like.get(task, "")
            if key not in made:
                made[key] = {s: self._picked(task, s, maps) for s, maps in found.items()}
            chosen[task] = made[key]
        return chosen

    def _picked(self, task: str, stride: int, maps: Tensor) -> Tensor:
        index = self.index(task, stride)
        return maps if index is None else laid_out_as(maps.index_select(1, index), maps)


class ChannelMask(ChannelChoice):
    """Puts 0 in place of all other channels, instead of leaving them out."""

    def _picked(self, task: str, stride: int, maps: Tensor) -> Tensor:
        index = self.index(task, stride)
        if index is None:
            return maps
        mask = maps.new_zeros(maps.shape[1]).index_fill(0, index, 1.0)
        return maps * mask.view(1, -1, 1, 1)


def take_channels(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Choose the channels that a state of a network says were chosen.

    Args:
        network: as its configuration builds it; changed in place.
        state: names as in its ``state_dict``.

    Raises:
        UserError: it says so of what is no list of channels.
    """
    for slot in ("encoder_channels", "head_channels"):
        kept: dict[str, dict[int, Tensor]] = {}
        for name, index in state.items():
            place, _, which = name.partition(".")
            task, _, stride = which.rpartition(BETWEEN)
            if place != slot:
                continue
            if not stride.isdecimal() or index.dim() != 1 or index.dtype != torch.int64:
                raise UserError(f"the checkpoint's {name} is no list of channels")
            kept.setdefault(task, {})[int(stride)] = index
        if kept:
            setattr(network, slot, ChannelChoice(kept))


def _buffer(task: str, stride: int) -> str:
    return f"{task}{BETWEEN}{stride}"


def _same(one: Mapping[int, Tensor], other: Mapping[int, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[s], other[s]) for s in one)
