"""Named parameter groups, so that schedules, freezing and logs can speak of stages."""

from typing import Any

from torch import nn

from mtl.network import Network
from mtl.weighting.base import Weighting


def parameter_groups(
    network: Network,
    weighting: Weighting,
    lr: float,
    backbone_factor: float,
    weight_decay: float,
    decay_vectors: bool,
) -> list[dict[str, Any]]:
    """All trainable parameters, by stage of the backbone and by what follows it.

    Every parameter has its place from the start: adding a group later breaks schedules.

    Args:
        network: the network.
        weighting: may have parameters of its own (learned task weights).
        lr: learning rate of everything but the backbone.
        backbone_factor: times ``lr`` for the stages of the backbone.
        weight_decay: of matrices and kernels.
        decay_vectors: whether biases and the parameters of norms decay too.

    Returns:
        Groups with ``name``, ``lr``, ``weight_decay`` and ``params``; names look like
        ``backbone.layer1`` and ``heads``, with ``.vectors`` behind those that don't decay.
    """
    found: dict[str, dict[str, Any]] = {}

    def add(group: str, rate: float, parameter: nn.Parameter, decays: bool) -> None:
        name = group if decays else f"{group}.vectors"
        entry = found.setdefault(
            name,
            {
                "name": name,
                "lr": rate,
                "weight_decay": weight_decay if decays else 0.0,
                "params": [],
            },
        )
        entry["params"].append(parameter)

    for name, parameter in network.named_parameters():
        decays = decay_vectors or parameter.ndim > 1
        part, _, rest = name.partition(".")
        if part == "encoder":
            stage = network.encoder.stage_of(rest)
            add(f"backbone.{stage}", lr * backbone_factor, parameter, decays)
        else:
            add(part, lr, parameter, decays)
    for parameter in weighting.parameters():
        add("weighting", lr, parameter, decays=False)
    return list(found.values())
