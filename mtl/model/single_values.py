"""Normalisation where a channel, or a group of channels, has a single value."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def allow_single_values(network: nn.Module) -> None:
    """Let norms take a batch in which each channel has one value: one sample at a map of one cell.

    One value has no variance, and torch refuses it. It happens in the middle of a run where a batch
    has one readable sample, or one that is labelled for a head with a norm of its own, so that an
    error would cost the run.

    A batch norm uses its running statistics for that batch, which it leaves as they are, as in eval
    mode. A group norm with one channel in each group answers as it does in a larger batch, where
    torch lets it: with its bias.

    Args:
        network: whose norms these are; batch norms without running statistics are left alone.
    """
    for norm in network.modules():
        kind: type[_Rest] | type[_Twice] | None = None
        if isinstance(norm, _BatchNorm) and norm.track_running_stats:
            kind = _Rest
        elif isinstance(norm, nn.GroupNorm) and norm.num_groups == norm.num_channels:
            kind = _Twice
        if kind is not None:
            for_one_call = kind()
            norm.register_forward_pre_hook(for_one_call.begin)
            norm.register_forward_hook(for_one_call.end)


class _Rest:
    """Eval mode for the length of one call."""

    def __init__(self) -> None:
        self.resting = False

    def begin(self, norm: nn.Module, inputs: tuple[Any, ...]) -> None:
        x = inputs[0]
        if norm.training and x.numel() == x.shape[1]:
            norm.training, self.resting = False, True

    def end(self, norm: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        if self.resting:
            norm.training, self.resting = True, False


class _Twice:
    """The sample beside itself for the length of one call."""

    def __init__(self) -> None:
        self.doubled = False

    def begin(self, norm: nn.GroupNorm, inputs: tuple[Tensor]) -> tuple[Tensor] | None:
        (x,) = inputs
        self.doubled = x.numel() == norm.num_channels
        return (torch.cat((x, x)),) if self.doubled else None

    def end(self, norm: nn.GroupNorm, inputs: tuple[Tensor], output: Tensor) -> Tensor | None:
        return output[:1] if self.doubled else None
