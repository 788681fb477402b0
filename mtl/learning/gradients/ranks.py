"""Numbers and gradients of several processes, as if one had seen the whole batch."""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from mtl.learning.gradients.combine import laid_out_like

_side: dist.ProcessGroup | None = None


def world() -> int:
    """Number of processes."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def side_group() -> dist.ProcessGroup | None:
    """Processes that talk on their CPUs, so that small numbers don't wait for the GPUs."""
    global _side  # noqa: PLW0603 - torch's groups are global, too
    if dist.get_backend() == "gloo":
        return None
    if _side is None:
        _side = cast(dist.ProcessGroup, dist.new_group(backend="gloo"))
    return _side


def add_counts(numbers: dict[str, int]) -> dict[str, int]:
    """Sums over the processes.

    Args:
        numbers: the same keys in all of them.
    """
    if world() == 1:
        return numbers
    sums = torch.tensor(list(numbers.values()))
    dist.all_reduce(sums, group=side_group())
    return dict(zip(numbers, sums.tolist(), strict=True))


def add_values(
    values: Mapping[str, Tensor], names: Sequence[str], device: torch.device
) -> dict[str, Tensor]:
    """Sums of scalars over the processes.

    Args:
        values: this process's; some may be absent.
        names: of all there are, the same in all processes.
        device: of the values.
    """
    if world() == 1 or not names:
        return {name: values[name] for name in names}
    zero = torch.zeros((), device=device)
    sums = torch.stack([values[name].float() if name in values else zero for name in names])
    dist.all_reduce(sums)
    return dict(zip(names, sums.unbind(), strict=True))


def add_over_ranks(
    gradients: Mapping[nn.Parameter, Tensor], parameters: Sequence[nn.Parameter]
) -> dict[nn.Parameter, Tensor]:
    """Sum over the processes, in one message.

    Args:
        gradients: this process's; parameters that it doesn't reach are absent.
        parameters: the same in all processes; one that none reaches gets zeros.
    """
    if world() == 1 or not parameters:
        return dict(gradients)
    parts = [
        (gradients[p] if p in gradients else torch.zeros_like(p)).float().reshape(-1)
        for p in parameters
    ]
    flat = torch.cat(parts)
    dist.all_reduce(flat)
    sums = torch.split(flat, [p.numel() for p in parameters])
    return {
        p: laid_out_like(s.view(p.shape).to(p.dtype), p)
        for p, s in zip(parameters, sums, strict=True)
    }
