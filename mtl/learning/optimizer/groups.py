"""Named parameter groups, so that schedules, freezing and logs can speak of stages."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from mtl.learning.optimizer.stages import NO_STAGE
from mtl.learning.weighting.bases.base import Weighting
from mtl.model.network import Network


def parameter_groups(
    network: Network,
    weighting: Weighting,
    lr: float,
    backbone_factor: float,
    weight_decay: float,
    decay_vectors: bool,
    stage_rates: Mapping[str, float] | None = None,
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
        stage_rates: stage of the backbone to a further factor on its rate; 1 where it is missing.

    Returns:
        Groups with ``name``, ``lr``, ``weight_decay`` and ``params``; names look like
        ``backbone.layer1``, ``encoder`` (adapters and gates between backbones) and ``heads``, with
        ``.vectors`` behind those that don't decay.
    """
    found: dict[str, dict[str, Any]] = {}
    rates = stage_rates or {}

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
        stage = network.encoder.stage_of(rest) if part == "encoder" else NO_STAGE
        if stage == NO_STAGE:
            add(part, lr, parameter, decays)
        else:
            rate = lr * backbone_factor * rates.get(stage, 1.0)
            add(f"backbone.{stage}", rate, parameter, decays)
    for parameter in weighting.parameters():
        add("weighting", lr, parameter, decays=False)
    return list(found.values())
