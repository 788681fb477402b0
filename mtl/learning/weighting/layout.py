"""Which tasks' losses reach which parameters."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mtl.errors import UserError
from mtl.model.network import Network


@dataclass(frozen=True)
class Entry:
    """A parameter of the network.

    Args:
        parameter: it, frozen or not.
        tasks: whose losses reach it.
        stage: the backbone stage it belongs to; None outside of the encoder.
        behind: whether it lies behind the encoder's features.
        combined: whether its gradients are combined; others get the plain sum.
    """

    parameter: nn.Parameter
    tasks: tuple[str, ...]
    stage: str | None
    behind: bool
    combined: bool


def layout(network: Network) -> tuple[Entry, ...]:
    """Every parameter once.

    Those of the ensemble, which learn from detached outputs how much to trust each stream, are
    not for tasks to quarrel about: they get the plain sum.

    Args:
        network: any.
    """
    entries: list[Entry] = []

    def add(
        parameter: nn.Parameter, tasks: tuple[str, ...], stage: str | None, behind: bool
    ) -> None:
        entries.append(Entry(parameter, tasks, stage, behind, combined=len(tasks) > 1))

    for parameter in network.views.parameters():
        add(parameter, network.tasks, None, behind=False)
    for name, parameter in network.encoder.named_parameters():
        encoder = network.encoder
        add(parameter, encoder.tasks_of(name), encoder.stage_of(name), behind=False)
    for name, parameter in network.fusion.named_parameters():
        add(parameter, network.fusion.tasks_of(name), None, behind=True)
    for task in network.tasks:
        for parameter in network.head(task).parameters():
            add(parameter, (task,), None, behind=True)
    entries += [
        Entry(parameter, network.tasks, None, behind=True, combined=False)
        for parameter in network.ensemble.parameters()
    ]
    return tuple({id(entry.parameter): entry for entry in entries}.values())


@torch.no_grad()
def shares_features(network: Network, image_size: int) -> bool:
    """Whether all tasks get the very same features from the encoder; tries it on one image."""
    was_training = network.training
    network.eval()
    like = next(network.parameters())
    image = torch.zeros((1, 3, image_size, image_size), device=like.device, dtype=like.dtype)
    features = network.encoder(network.views(image))
    network.train(was_training)
    return len({tuple(id(map_) for map_ in found.values()) for found in features.values()}) == 1


def measured(
    network: Network, entries: tuple[Entry, ...], at: tuple[str, ...], image_size: int
) -> tuple[nn.Parameter, ...]:
    """The parameters whose gradients are compared; none where features' gradients are.

    Args:
        network: any.
        entries: its ``layout``.
        at: ``weighting.at``, as a tuple.
        image_size: side in pixels of what the network sees.

    Raises:
        UserError: there is no such place, or tasks share nothing there.
    """
    shared = [entry for entry in entries if entry.combined]
    if at == ("parameters",):
        return tuple(entry.parameter for entry in shared)
    names = [stage.name for stage in network.encoder.description]
    if at == ("representation",):
        if not shares_features(network, image_size):
            raise UserError(
                "weighting.at=representation: this encoder gives each task features of its own; "
                f"use parameters or a stage: {', '.join(names)}"
            )
        return ()
    for name in at:
        if name not in names:
            raise UserError(
                f"weighting.at={name}: use parameters, representation or stages: {', '.join(names)}"
            )
    found = tuple(entry.parameter for entry in shared if entry.stage in at)
    if not found:
        raise UserError(f"weighting.at={','.join(at)}: tasks share no parameters there")
    return found


def trainable(entries: tuple[Entry, ...]) -> list[Entry]:
    """Those that are not frozen at the moment."""
    return [entry for entry in entries if entry.parameter.requires_grad]


def laid_out_like(gradient: Tensor, parameter: Tensor) -> Tensor:
    """A gradient in the memory layout of its parameter, which fused optimisers rely on."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)
