"""Taking channels out of a network."""

import numpy as np
import torch
from torch import Tensor, nn

from mtl.model.resized import replace_tensor, settle
from mtl.runs.compression.channels.coupling import Coupling
from mtl.runs.compression.channels.digits import Flags, Ints


def cut(coupling: Coupling, gone: Ints) -> None:
    """Make the network that a coupling is of smaller, in place.

    The coupling doesn't hold for it any more.

    Args:
        coupling: of the network.
        gone: the places of what goes: whole units.
    """
    stays = np.ones(coupling.places, dtype=bool)
    stays[gone] = False
    for layer in coupling.layers:
        going_out = stays[layer.outgoing]
        coming_in = stays[layer.incoming]
        if going_out.all() and coming_in.all():
            continue
        for leaf, tensor in _tensors(layer.module).items():
            smaller = _chosen(tensor, 0, going_out)
            if leaf == "weight" and layer.mixes:
                smaller = _chosen(smaller, 1, coming_in)
            replace_tensor(layer.module, leaf, smaller)
        settle(layer.module)
    for vector in coupling.vectors:
        kept = stays[vector.own]
        if not kept.all():
            replace_tensor(vector.owner, vector.leaf, _chosen(vector.value, vector.dim, kept))
    for choice in coupling.choices:
        kept = stays[choice.origins] | (choice.origins < 0)
        before = choice.owner.get_buffer(choice.leaf).numpy()
        index = (np.cumsum(kept) - 1)[before[kept[before]]]
        replace_tensor(choice.owner, choice.leaf, torch.from_numpy(index))


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers that have a number for each channel."""
    both = {**module._parameters, **module._buffers}
    return {leaf: tensor for leaf, tensor in both.items() if tensor is not None and tensor.dim()}


def _chosen(tensor: Tensor, dim: int, kept: Flags) -> Tensor:
    return tensor.detach().index_select(dim, torch.from_numpy(np.flatnonzero(kept)))
