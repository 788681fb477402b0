"""The parts of a network that are taken from another run whole or not at all."""

import re
from collections.abc import Collection, Iterable, Mapping

from torch import Tensor

State = Mapping[str, Tensor]
STAGE = re.compile(r"encoder\.(\w+\.)*?stages\.[^.]+(?=\.)")
"""A stage of a backbone in the name of a tensor."""


def part_of(tensor: str) -> str:
    """The part that a tensor is of: ``encoder.backbone.stages.stem``, ``heads.box``, ``fusion``.

    Args:
        tensor: its name in the network's state.
    """
    stage = STAGE.match(tensor)
    if stage is not None:
        return stage[0]
    first, _, rest = tensor.partition(".")
    return f"heads.{rest.partition('.')[0]}" if first == "heads" else first


def parts_of(state: State) -> dict[str, dict[str, Tensor]]:
    """The tensors of a network by part."""
    found: dict[str, dict[str, Tensor]] = {}
    for name, value in state.items():
        found.setdefault(part_of(name), {})[name] = value
    return found


def misfit(own: State, theirs: State) -> str | None:
    """Why a part can't be taken, the first tensor that differs; None where it can.

    Args:
        own: the part's tensors by name.
        theirs: the other network's; none where it has no such part.
    """
    if not theirs:
        return "not there"
    for name in [*own, *theirs]:
        here, there = (tuple(s[name].shape) if name in s else None for s in (own, theirs))
        if here != there:
            said = ["absent" if shape is None else f"{shape}" for shape in (here, there)]
            return f"{name} is {said[0]} here and {said[1]} there"
    return None


def shortened(parts: Collection[str], every: Iterable[str]) -> str:
    """Names of parts, joined; all parts of the encoder together are ``encoder``.

    Args:
        parts: to be named.
        every: all that there are.
    """
    encoder = [part for part in every if part.partition(".")[0] == "encoder"]
    if set(encoder) <= set(parts) and encoder:
        return ", ".join(["encoder", *(part for part in parts if part not in encoder)])
    return ", ".join(parts)
