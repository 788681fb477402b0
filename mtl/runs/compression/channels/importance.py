"""How much the tasks would lose with a channel."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from mtl.config.nearest import unknown
from mtl.data.batch import Batch
from mtl.errors import UserError
from mtl.model.network import Network
from mtl.runs.compression.channels.costs import Floats
from mtl.runs.compression.channels.coupling import Coupling

TINY = 1e-12


def taylor(
    network: Network, coupling: Coupling, batches: Iterable[Batch], weights: Mapping[str, float]
) -> list[Floats]:
    """The loss of all tasks that each unit is worth, to first order (Molchanov et al., 2019).

    Without a unit, all weights that read its channels count for nothing: a task's loss changes by
    about the sum over these of weight times gradient. Its square is added up over batches, and each
    task's squares are divided by their sum, so that a task with a large loss does not decide alone.

    Args:
        network: in evaluation mode.
        coupling: of it.
        batches: of labelled samples, normalised.
        weights: task to its share in the sum; 1 where it is not there.

    Returns:
        For each group (U,) values of at least 0.

    Raises:
        UserError: no sample has a label.
    """
    kernels = [_weight(layer.module) for layer in coupling.layers if layer.mixes]
    for kernel in kernels:
        kernel.requires_grad_()
    found = {task: [np.zeros(len(group)) for group in coupling.groups] for task in network.tasks}
    for batch in batches:
        outputs = network.labelled_outputs(batch)
        losses = {task: network.loss(task, *of_task) for task, of_task in outputs.items()}
        for number, (task, loss) in enumerate(losses.items(), 1):
            gradients = torch.autograd.grad(
                loss, kernels, retain_graph=number < len(losses), allow_unused=True
            )
            effects = _effects(coupling, kernels, gradients)
            for place, group in enumerate(coupling.groups):
                found[task][place] += effects[group.units].sum(1) ** 2
    sums = {task: sum(squares.sum() for squares in own) for task, own in found.items()}
    if not any(sums.values()):
        raise UserError("no sample is labelled for any task, so that no channel can be judged")
    return [
        sum(
            weights.get(task, 1.0) * found[task][number] / max(total, TINY)
            for task, total in sums.items()
        )
        + np.zeros(len(group))
        for number, group in enumerate(coupling.groups)
    ]


def magnitude(coupling: Coupling) -> list[Floats]:
    """The squares of all weights that make or read each unit's channels, relative to its group's.

    Args:
        coupling: of a network.

    Returns:
        For each group (U,) values with mean 1.
    """
    squares = np.zeros(coupling.places)
    for layer in coupling.layers:
        if layer.mixes:
            squared = _weight(layer.module).detach().double().square()
            squares[layer.outgoing] = squared.flatten(1).sum(1).numpy()
            squares[layer.incoming] = squared.transpose(0, 1).flatten(1).sum(1).numpy()
    found = [squares[group.units].sum(1) for group in coupling.groups]
    return [values / max(values.mean(), TINY) for values in found]


def _weight(module: torch.nn.Module) -> torch.nn.Parameter:
    weight = module.weight
    assert isinstance(weight, torch.nn.Parameter)
    return weight


def _effects(
    coupling: Coupling, kernels: Sequence[Tensor], gradients: Sequence[Tensor | None]
) -> Floats:
    """For each place that a layer reads, the sum of weight times gradient over what reads it."""
    found = np.zeros(coupling.places)
    mixing = [layer for layer in coupling.layers if layer.mixes]
    for layer, kernel, gradient in zip(mixing, kernels, gradients, strict=True):
        if gradient is not None:
            product = (kernel.detach() * gradient).transpose(0, 1).flatten(1)
            found[layer.incoming] = product.double().sum(1).numpy()
    return found


def check_weights(step: str, weights: object, tasks: Sequence[str]) -> None:
    """See that a step's weights are numbers, of tasks that there are.

    Args:
        step: its name, as users write it.
        weights: its option ``weights``.
        tasks: of the network.

    Raises:
        UserError: one isn't.
    """
    numbers = isinstance(weights, Mapping) and all(
        isinstance(weight, int | float) and weight >= 0 for weight in weights.values()
    )
    if not isinstance(weights, Mapping) or not numbers:
        raise UserError(f"{step}.weights={weights}: write {{TASK: number from 0}}")
    for task in weights:
        if task not in tasks:
            raise UserError(f"{step}.weights: {unknown('task', task, tasks)}")
