"""A step whose weights need no finding: one backward pass of the weighted sum."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from mtl.learning.gradients.accumulation import Part
from mtl.learning.gradients.combine import Gradients, owned
from mtl.learning.gradients.features import FeatureLeaves
from mtl.learning.gradients.per_task import GradientsByTask
from mtl.learning.gradients.reach import ParameterReach

LEAST_WEIGHT = 1e-3
"""Smallest weight, relative to the largest, that gradients are divided by again."""


def weighted_gradients(
    part: Part,
    scale: Tensor,
    leaves: FeatureLeaves | None,
    weights: dict[str, float],
    per_task: GradientsByTask,
) -> Gradients:
    """Σ w_i g_i at what tasks share, and g_i at what only task i reaches.

    The pass is of Σ w_i L_i, which leaves w_i g_i at the latter: that is divided by w_i. Where a
    weight is too small for that, and for the ensemble's parameters, a second pass of Σ L_i goes as
    far as these parameters alone.

    Args:
        part: of the step.
        scale: of mixed precision, on the losses.
        leaves: where the network is cut in two.
        weights: of all tasks of the step.
        per_task: knows who reaches what.
    """
    if not part.losses:
        return {}
    largest = max(map(abs, weights.values()))
    divide = all(abs(weights[task]) > LEAST_WEIGHT * largest for task in part.losses)
    inputs = per_task.reached(*part.losses)
    own = {e.parameter: e.tasks for e in per_task.entries if not e.combined}
    alone = {p: tasks[0] for p, tasks in own.items() if len(tasks) == 1}
    apart = [p for p in inputs if p in own and not (divide and p in alone)]
    together = [p for p in inputs if p not in set(apart)]
    found = _back(_sum(part, scale, weights), together, leaves, per_task.entries, keep=bool(apart))
    if apart:
        ones = dict.fromkeys(weights, 1.0)
        found |= _back(_sum(part, scale, ones), apart, leaves, per_task.entries, keep=False)
    if divide:
        for parameter, gradient in found.items():
            if parameter in alone:
                gradient.div_(weights[alone[parameter]])
    return found


def _sum(part: Part, scale: Tensor, weights: dict[str, float]) -> Tensor:
    terms: Iterable[Tensor] = (
        (loss * (scale * (part.shares[task] * weights[task])).to(loss.dtype)).float()
        for task, loss in part.losses.items()
    )
    return torch.stack(list(terms)).sum()


def _back(
    loss: Tensor,
    inputs: list[nn.Parameter],
    leaves: FeatureLeaves | None,
    entries: Sequence[ParameterReach],
    keep: bool,
) -> Gradients:
    """From a loss to parameters on both sides of the features."""
    if leaves is None:
        row = torch.autograd.grad(loss, inputs, retain_graph=keep, allow_unused=True)
        return owned(inputs, row)
    before = {id(e.parameter) for e in entries if not e.after_features}
    deep = [p for p in inputs if id(p) in before]
    near = [p for p in inputs if id(p) not in before]
    count = len(leaves.leaves) if deep else 0
    row = torch.autograd.grad(
        loss, [*leaves.leaves[:count], *near], retain_graph=keep, allow_unused=True
    )
    found = owned(near, row[count:])
    if deep:
        found |= owned(deep, leaves.back(list(row[:count]), deep, keep))
    return found
