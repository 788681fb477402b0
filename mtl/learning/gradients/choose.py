"""What a method makes of the tasks' gradients in one step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mtl.learning.gradients.combine import add_to_grad, owned
from mtl.learning.weighting.bases.base import Weighting
from mtl.learning.weighting.bases.gramian import GramianWeighting
from mtl.learning.weighting.bases.losses import LossWeighting
from mtl.learning.weighting.bases.rows import RowWeighting
from mtl.learning.weighting.bases.task_gradients import Row, TaskGradients


@dataclass(frozen=True)
class Seen:
    """What there is to be seen in a step.

    Args:
        tasks: m names.
        places: of these among all tasks.
        rows: m gradients where they are compared.
        products: (m, m) inner products of these, with loss scaling.
        losses: m scalars.
        scale: of mixed precision.
        seed: for random choices in this step.
    """

    tasks: Sequence[str]
    places: Sequence[int]
    rows: Sequence[Row]
    products: Tensor
    losses: Sequence[Tensor]
    scale: Tensor
    seed: int


@dataclass(frozen=True)
class Combination:
    """What comes of it.

    Args:
        weights: of all tasks of the step.
        row: a combined gradient where they are compared, of methods that change gradients.
        everywhere: whether weights are for all parameters, not only for those that tasks share.
    """

    weights: dict[str, float]
    row: Row | None = None
    everywhere: bool = False


def choose(method: Weighting, seen: Seen) -> Combination:
    """Ask the method.

    Args:
        method: any.
        seen: of this step.
    """
    if isinstance(method, LossWeighting):
        return Combination(_loss_weights(method, seen), everywhere=True)
    weights = dict.fromkeys(seen.tasks, 1.0)
    given = _task_gradients(seen)
    if given is None:
        return Combination(weights)
    if isinstance(method, RowWeighting):
        return Combination(weights, method.combine(given, seen.seed))
    assert isinstance(method, GramianWeighting)
    weights |= _gramian_weights(method, given, seen.seed)
    method.recent.keep(seen.places, [weights[task] for task in seen.tasks])
    return Combination(weights)


def step_seed(seed: int, step: int) -> int:
    """One number out of the run's seed and the step's number."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1)[0])


def _loss_weights(method: LossWeighting, seen: Seen) -> dict[str, float]:
    """The derivatives by the losses; the method's own parameters get their gradient, too."""
    losses = {
        task: value.detach().requires_grad_()
        for task, value in zip(seen.tasks, seen.losses, strict=True)
    }
    with torch.enable_grad():
        combined = method(losses)
    own = [p for p in method.parameters() if p.requires_grad]
    ends: list[Any] = [*losses.values(), *own]
    gradients = torch.autograd.grad(combined, ends, allow_unused=True)
    scaled = [None if g is None else g * seen.scale for g in gradients[len(losses) :]]
    add_to_grad(owned(own, scaled))
    found = [0.0 if g is None else float(g) for g in gradients[: len(losses)]]
    return dict(zip(losses, found, strict=True))


def _task_gradients(seen: Seen) -> TaskGradients | None:
    """What the method sees; None where there is nothing to weigh.

    A task whose gradient is zero here has no say and keeps the weight 1. Gradients that
    overflowed in mixed precision are not shown to the method: the scaler skips the step.
    """
    products = seen.products
    losses = torch.stack([value.to(products.dtype) for value in seen.losses])
    # One copy to the CPU instead of many that each wait for the device.
    together = [products.flatten(), losses, seen.scale.to(losses).reshape(1)]
    moved = torch.cat(together).cpu().double()
    count = len(seen.tasks)
    products, losses, (factor,) = torch.split(moved, [count * count, count, 1])
    products = products.view(count, count) / factor**2
    keep = products.diagonal() > 0
    if not bool(torch.isfinite(products).all()) or not bool(keep.any()):
        return None
    chosen = keep.nonzero().flatten()
    return TaskGradients(
        tasks=tuple(seen.tasks[i] for i in chosen.tolist()),
        index=torch.tensor(seen.places)[chosen],
        losses=losses[chosen],
        gramian=products[chosen[:, None], chosen],
        rows=tuple(seen.rows[i] for i in chosen.tolist()),
        scale=float(factor),
    )


def _gramian_weights(method: GramianWeighting, given: TaskGradients, seed: int) -> dict[str, float]:
    state = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    weights = method.weights(given)
    torch.set_rng_state(state)
    method.in_force = dict(zip(given.tasks, weights.unbind(), strict=True))
    return dict(zip(given.tasks, weights.tolist(), strict=True))
