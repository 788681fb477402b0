"""Losses and gradients of several processes, as if one had seen the whole batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from mtl.learning.weighting.layout import laid_out_like


@dataclass(frozen=True)
class TaskLosses:
    """The losses of one batch.

    Args:
        local: task to this process's mean over its labelled samples, with gradient.
        counts: task to the number of those samples.
        values: task to the mean over all processes' labelled samples, detached.
        totals: task to the number of those samples; tasks without any are absent, in the order of
            the network's tasks.
    """

    local: dict[str, Tensor]
    counts: dict[str, int]
    values: dict[str, Tensor]
    totals: dict[str, float]

    def shared(self) -> dict[str, Tensor]:
        """Losses with the value over all processes, for DDP, which averages gradients.

        The gradient of each is this process's share of it, times the number of processes.
        """
        ranks = world()
        if ranks == 1:
            return self.local
        found = dict(self.values)
        for task, loss in self.local.items():
            own = loss * (ranks * self.counts[task] / self.totals[task])
            found[task] = own + (self.values[task] - own.detach())
        return found


def world() -> int:
    """Number of processes."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def over_ranks(
    tasks: Sequence[str],
    local: dict[str, Tensor],
    counts: dict[str, int],
    device: torch.device,
) -> TaskLosses:
    """Put the losses of all processes together.

    Each sample counts alike, wherever it is: a process's mean counts as often as it has labels.
    That is the loss of the whole batch where a head's loss is a mean over samples.

    Args:
        tasks: names of all tasks, in order.
        local: see ``TaskLosses``.
        counts: likewise.
        device: of the losses.
    """
    if world() == 1:
        values = {task: loss.detach() for task, loss in local.items()}
        return TaskLosses(local, counts, values, {t: float(n) for t, n in counts.items()})
    zero = torch.zeros((), device=device)
    sums = [local[t].detach().float() * counts[t] if t in local else zero for t in tasks]
    own = torch.tensor([float(counts.get(t, 0)) for t in tasks], device=device)
    both = torch.cat([torch.stack(sums), own])
    dist.all_reduce(both)
    total, number = both.chunk(2)
    found = {task: n for task, n in zip(tasks, number.tolist(), strict=True) if n > 0}
    means = total / number.clamp(min=1)
    values = {task: means[place] for place, task in enumerate(tasks) if task in found}
    return TaskLosses(local, counts, values, found)


def add_over_ranks(
    gradients: Mapping[nn.Parameter, Tensor], parameters: Sequence[nn.Parameter]
) -> dict[nn.Parameter, Tensor]:
    """Sum over the processes, in one message.

    Args:
        gradients: this process's; parameters that it doesn't reach are absent.
        parameters: the same in all processes.

    Returns:
        The sums of the parameters that some process reaches.
    """
    if world() == 1 or not parameters:
        return dict(gradients)
    device = parameters[0].device
    reached = torch.tensor([float(p in gradients) for p in parameters], device=device)
    parts = [
        (gradients[p] if p in gradients else torch.zeros_like(p)).float().reshape(-1)
        for p in parameters
    ]
    flat = torch.cat([reached, *parts])
    dist.all_reduce(flat)
    flags, *sums = torch.split(flat, [len(parameters), *(p.numel() for p in parameters)])
    return {
        p: laid_out_like(s.view(p.shape).to(p.dtype), p)
        for p, s, flag in zip(parameters, sums, flags.tolist(), strict=True)
        if flag > 0
    }
