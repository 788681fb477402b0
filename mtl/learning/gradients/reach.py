"""Which tasks' losses reach which parameters, measured on the network."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from mtl.errors import UserError
from mtl.model.encoder.stage_names import check_stages
from mtl.model.head.stacks import stacks
from mtl.model.network import Network


@dataclass(frozen=True)
class ParameterReach:
    """A parameter of the network.

    Args:
        parameter: it, frozen or not.
        tasks: whose losses reach it.
        stage: the backbone stage it belongs to; None outside of the encoder.
        after_features: whether it lies behind the encoder's features.
        combined: whether its gradients are combined; others get the plain sum.
    """

    parameter: nn.Parameter
    tasks: tuple[str, ...]
    stage: str | None
    after_features: bool
    combined: bool


def layout(network: Network, image_size: int) -> tuple[ParameterReach, ...]:
    """Every parameter once.

    Parameters that no raw output depends on are those of the ensemble, which learn from detached
    outputs how much to trust each stream. They are not for tasks to quarrel about: they count as
    reached by all, and get the plain sum.

    Args:
        network: any; it is run on one empty image.
        image_size: side in pixels of what it sees.
    """
    reached = {task: reachable(raw) for task, raw in _outputs(network, image_size).items()}
    encoder = network.encoder
    stages = {id(p): encoder.stage_of(name) for name, p in encoder.named_parameters()}
    before = {*stages, *(id(p) for p in network.views.parameters())}
    entries: list[ParameterReach] = []
    for parameter in network.parameters():
        tasks = tuple(task for task, found in reached.items() if id(parameter) in found)
        entries.append(
            ParameterReach(
                parameter,
                tasks or network.tasks,
                stages.get(id(parameter)),
                after_features=id(parameter) not in before,
                combined=len(tasks) > 1,
            )
        )
    return tuple(entries)


def _outputs(network: Network, image_size: int) -> dict[str, Any]:
    """Raw outputs for one empty image, with a graph that holds frozen parameters too."""
    was_training = network.training
    frozen = [p for p in network.parameters() if not p.requires_grad]
    network.eval()
    for parameter in frozen:
        parameter.requires_grad_(True)
    # A compiled encoder is one node, from which everything is reached.
    with torch.compiler.set_stance("force_eager"), torch.enable_grad():
        raws: dict[str, Any] = network(_empty_image(network, image_size))
    for parameter in frozen:
        parameter.requires_grad_(False)
    network.train(was_training)
    return raws


def _empty_image(network: Network, image_size: int) -> Tensor:
    like = next(network.parameters())
    return like.new_zeros((1, network.image_channels, image_size, image_size))


def reachable(raw: Any) -> set[int]:
    """Ids of the leaves that a raw output has a gradient at.

    Args:
        raw: a tensor, or containers of tensors.
    """
    leaves: set[int] = set()
    seen: set[Any] = set()
    waiting = [t.grad_fn for t in tree_leaves(raw) if isinstance(t, Tensor)]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if variable is not None:
            leaves.add(id(variable))
        waiting += [following for following, _ in node.next_functions]
    return leaves


@torch.no_grad()
def shares_features(network: Network, image_size: int) -> bool:
    """Whether all tasks get the very same features from the encoder; tries it on one image."""
    was_training = network.training
    network.eval()
    features = network.encode(_empty_image(network, image_size))
    network.train(was_training)
    return len({tuple(id(map_) for map_ in found.values()) for found in features.values()}) == 1


@torch.no_grad()
def only_stacks_behind(
    network: Network, entries: Iterable[ParameterReach], image_size: int
) -> bool:
    """Whether heads that stack, each its own task's, are all that lies behind the features.

    Args:
        network: any.
        entries: its ``layout``.
        image_size: side in pixels of what it sees.
    """
    if not all(stacks(network.head(task)) for task in network.tasks):
        return False
    if any(entry.after_features and len(entry.tasks) != 1 for entry in entries):
        return False
    was_training = network.training
    network.eval()
    encoded = network.encode(_empty_image(network, image_size))
    fused = network.fused(encoded)
    network.train(was_training)
    return all(
        map_ is encoded[task][stride] for task, own in fused.items() for stride, map_ in own.items()
    )


def compared_parameters(
    network: Network, entries: tuple[ParameterReach, ...], at: tuple[str, ...], image_size: int
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
    check_stages("weighting.at", at, [*names, "parameters", "representation"])
    found = tuple(entry.parameter for entry in shared if entry.stage in at)
    if not found:
        raise UserError(f"weighting.at={','.join(at)}: tasks share no parameters there")
    return found


def shared_entries(network: Network, image_size: int, option: str) -> tuple[ParameterReach, ...]:
    """The parameters that several tasks share.

    Args:
        network: any.
        image_size: side in pixels of what it sees.
        option: what asked for them, for the message.

    Raises:
        UserError: there are none.
    """
    if len(network.tasks) < 2:
        raise UserError(f"{option}: needs two tasks or more, and there is one: {network.tasks[0]}")
    found = tuple(entry for entry in layout(network, image_size) if entry.combined)
    if not found:
        raise UserError(f"{option}: the tasks share no parameters with this encoder")
    return found


def trainable(entries: Iterable[ParameterReach]) -> list[ParameterReach]:
    """Those that are not frozen at the moment."""
    return [entry for entry in entries if entry.parameter.requires_grad]
