"""Batch normalisation where a channel has a single value."""

from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def allow_single_values(network: nn.Module) -> None:
    """Let norms take a batch in which each channel has one value: one sample at a map of one cell.

    One value has no variance, and torch refuses it in training. Such a norm uses its running
    statistics for that batch, which it leaves as they are, as in eval mode. It happens in the
    middle of a run where a batch has one readable sample, or one that is labelled for a head with
    a norm of its own, so that an error would cost the run.

    Args:
        network: whose norms these are; without running statistics they are left alone.
    """
    for norm in network.modules():
        if isinstance(norm, _BatchNorm) and norm.track_running_stats:
            rest = _Rest()
            norm.register_forward_pre_hook(rest.begin)
            norm.register_forward_hook(rest.end)


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
