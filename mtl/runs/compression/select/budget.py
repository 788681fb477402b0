"""From scores to channels."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

Scores = Mapping[str, Mapping[int, Tensor]]
"""Task to stride to the scores of its channels, (C,); the larger, the more useful."""


def allowed(channels: Sequence[int], keep: float) -> int:
    """How many channels a task may keep: a share of all, and one of each stride at least.

    Args:
        channels: of each stride.
        keep: in 0..1.
    """
    return max(len(channels), round(keep * sum(channels)))


def chosen(scores: Scores, keep: float) -> dict[str, dict[int, Tensor]]:
    """Each task's best channels: of each stride the best one, and then the best of all.

    Args:
        scores: those of a task are compared over its strides.
        keep: see ``allowed``, which is met exactly.

    Returns:
        Task to stride to indices, (k,) int64, ascending.
    """
    return {task: _best(levels, keep) for task, levels in scores.items()}


def _best(levels: Mapping[int, Tensor], keep: float) -> dict[int, Tensor]:
    sizes = [len(level) for level in levels.values()]
    whole = torch.cat([level.double() for level in levels.values()])
    firsts = [int(level.argmax()) for level in levels.values()]
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    whole[[start + first for start, first in zip(starts, firsts, strict=True)]] = torch.inf
    # Sorted, not topk: of equal scores the first ones are kept, on every machine.
    order = whole.argsort(descending=True, stable=True)[: allowed(sizes, keep)]
    kept = torch.zeros(len(whole), dtype=torch.bool)
    kept[order] = True
    parts = torch.split(kept, sizes)
    return {s: part.nonzero().squeeze(1) for s, part in zip(levels, parts, strict=True)}
