"""Which channels a network does without: how many there are may be written in its code."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mtl.model.network import Network
from mtl.runs.compression.channels.coupling import Coupling
from mtl.runs.compression.channels.cut import cut
from mtl.runs.compression.channels.digits import Ints
from mtl.runs.compression.channels.groups import Group, left_of

TOLERANCE = 1e-3
"""Of outputs, as a share of the largest."""


@torch.no_grad()
def that_can_go(network: Network, found: Coupling, side: int) -> Coupling:
    """A coupling with those groups alone of which the network does without a unit.

    A forward pass may split channels by numbers of its own, as those of an attention's heads; then
    it fails where some have gone, or takes others for them. So a unit of each group is taken out of
    a copy, which has to say what the network says where nobody reads it.

    Args:
        network: on the CPU, in evaluation mode; left as it was.
        found: of it.
        side: of a picture that it takes, in pixels.
    """
    shape = 2, network.image_channels, side, side
    image = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    groups = found.groups
    if not _does_without(network, found, groups, image):
        groups = [group for group in groups if _does_without(network, found, [group], image)]
    return replace(found, groups=groups, left=left_of(found.layers, groups, found.places))


def _does_without(
    network: Network, found: Coupling, groups: Sequence[Group], image: Tensor
) -> bool:
    """Whether a unit of each of these groups can go."""
    if not groups:
        return True
    places = np.concatenate([group.units[0] for group in groups])
    smaller, its = copy.deepcopy((network, found))
    cut(its, places)
    try:
        said = smaller(image)
    except Exception:  # a member may raise anything
        return False
    unread, its = copy.deepcopy((network, found))
    _leave_unread(its, places)
    return _alike(said, unread(image))


def _leave_unread(found: Coupling, places: Ints) -> None:
    """Let no layer read these channels."""
    gone = np.isin(np.arange(found.places), places)
    for layer in found.layers:
        unread = torch.from_numpy(np.flatnonzero(gone[layer.incoming]))
        if layer.mixes and len(unread):
            weight = layer.module.get_parameter("weight")
            weight[:, unread] = 0


def _alike(one: Any, other: Any) -> bool:
    """Whether raw outputs are equal but for the order of sums."""
    if isinstance(one, Tensor):
        if one.shape != other.shape:
            return False
        most = TOLERANCE * max(1.0, float(other.abs().max()) if other.numel() else 0.0)
        return bool(((one - other).abs() <= most).all())
    pairs = one.items() if isinstance(one, dict) else enumerate(one)
    return len(one) == len(other) and all(_alike(value, other[key]) for key, value in pairs)
