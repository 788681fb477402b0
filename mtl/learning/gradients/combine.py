"""Sums of the tasks' gradients, and their way into ``.grad``."""

from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn

from mtl.learning.weighting.bases.task_gradients import Row

Gradients = dict[nn.Parameter, Tensor]
"""A gradient by parameter."""


@torch.no_grad()
def weighted_sum_(
    gradients: Sequence[tuple[float, Gradients]],
    shared: Collection[nn.Parameter],
    combined: tuple[Sequence[nn.Parameter], Row] | None,
) -> Gradients:
    """The gradient of every parameter; overwrites those of the tasks.

    Args:
        gradients: of each task, with its weight.
        shared: the parameters that weights are for; others get the plain sum.
        combined: parameters that a method has combined by itself, with the result.
    """
    sums: Gradients = {}
    done: set[nn.Parameter] = set()
    if combined is not None:
        done = set(combined[0])
        sums = {p: g for p, g in zip(*combined, strict=True) if g is not None}
    for weight, found in gradients:
        mine = {p: g for p, g in found.items() if p not in done}
        for factor, inside in ((weight, True), (1.0, False)):
            part = {p: g for p, g in mine.items() if (p in shared) == inside}
            new = [p for p in part if p not in sums]
            more = [p for p in part if p in sums]
            if new and factor != 1.0:
                torch._foreach_mul_([part[p] for p in new], factor)
            if more:
                torch._foreach_add_([sums[p] for p in more], [part[p] for p in more], alpha=factor)
            sums |= {p: part[p] for p in new}
    return sums


@torch.no_grad()
def add_to_grad(gradients: Gradients) -> None:
    """Add to ``.grad``."""
    for parameter, gradient in gradients.items():
        if parameter.grad is None:
            parameter.grad = gradient
        else:
            parameter.grad.add_(gradient)


def owned(parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor | None]) -> Gradients:
    """Gradients that may be overwritten, by parameter: no two in one place of memory."""
    found: Gradients = {}
    places: set[int] = set()
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is None:
            continue
        own = laid_out_like(gradient, parameter)
        if own.data_ptr() in places:
            own = own.clone()
        places.add(own.data_ptr())
        found[parameter] = own
    return found


@torch.no_grad()
def weighted_row(rows: dict[str, Row], weights: dict[str, float]) -> Row:
    """Weighted sum of rows."""
    sums: Row = []
    for column in zip(*rows.values(), strict=True):
        present = [(weights[t], g) for t, g in zip(rows, column, strict=True) if g is not None]
        if not present:
            sums.append(None)
            continue
        result = present[0][1] * present[0][0]
        for weight, gradient in present[1:]:
            result = result.add_(gradient, alpha=weight)
        sums.append(result)
    return sums


@torch.no_grad()
def add_into(sums: Gradients, gradients: Gradients) -> None:
    """Add gradients to sums, which take over those that they have not yet."""
    for parameter, gradient in gradients.items():
        if parameter in sums:
            sums[parameter].add_(gradient)
        else:
            sums[parameter] = gradient


def laid_out_like(gradient: Tensor, parameter: Tensor) -> Tensor:
    """A gradient in the memory layout of its parameter, which fused optimisers rely on."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)
