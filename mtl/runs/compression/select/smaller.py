"""A network without the channels that nobody keeps."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mtl.errors import RunError, UserError
from mtl.model.channels import ChannelChoice, ChannelMask, Kept
from mtl.model.network import Network
from mtl.runs.compression.select.producers import narrow_encoder

TOLERANCE = 1e-5
"""Of an output, relative to its largest value where that is above 1."""


@dataclass(frozen=True)
class Smaller:
    """What was made of a network.

    Args:
        network: reads the chosen channels only.
        masked: as large as before, with 0 in place of all other channels: its outputs are equal.
        used: stride to the numbers of the encoder's channels that are left, and that there were;
            empty where fusion needs all of them.
        removed: strides where the encoder doesn't even compute the others.
    """

    network: Network
    masked: Network
    used: Mapping[int, tuple[int, int]]
    removed: frozenset[int]


@torch.no_grad()
def smaller(network: Network, kept: Kept, image: Tensor) -> Smaller:
    """Rebuild a network around the channels that its tasks keep.

    Each head reads its own channels alone. Those that no head reads go on from the encoder no more,
    and are not even computed where no other layer of the encoder needs them. What fusion would have
    made of them is taken to be 0, as it is in ``masked``.

    Args:
        network: in evaluation mode; left as it was.
        kept: for each task and stride that its head reads the channels, as they come from fusion.
        image: (B, 3, H, W) normalised, B at least 2, on which it is seen that outputs are equal.

    Raises:
        UserError: a head doesn't say how it reads fewer channels, or channels of this network have
            been chosen before.
        RunError: outputs differ.
    """
    if isinstance(network.head_channels, ChannelChoice):
        raise UserError("select: the channels of this network have been selected already")
    views = network.views(image)
    encoded = network.encoder(views)
    sizes = {s: m.shape[1] for found in encoded.values() for s, m in found.items()}
    fused = network.fusion(encoded)
    widths = {task: {s: m.shape[1] for s, m in found.items()} for task, found in fused.items()}
    used = _used(network, kept, sizes, widths)
    choice = used
    made, masked = _narrowed(network, kept, used, sizes, widths), _masked(network, kept, used)
    if not _works(made, masked, image):
        # A fusion that has weights for channels and doesn't say so.
        choice = {}
        made, masked = _narrowed(network, kept, {}, sizes, widths), _masked(network, kept, {})
    made.encoder, removed = narrow_encoder(made.encoder, choice, views, made.fusion.strides)
    left = {stride: index for stride, index in choice.items() if stride not in removed}
    made.encoder_channels = (
        ChannelChoice(dict.fromkeys(made.tasks, left)) if left else nn.Identity()
    )
    if not _works(made, masked, image):
        raise RunError("select: the smaller network's outputs are not those of the larger one")
    counts = {stride: (len(index), sizes[stride]) for stride, index in choice.items()}
    return Smaller(made, masked, counts, removed)


def _used(
    network: Network, kept: Kept, sizes: Mapping[int, int], widths: Mapping[str, Mapping[int, int]]
) -> dict[int, Tensor]:
    """Stride to the encoder's channels that some head reads, where that is not all of them."""
    used: dict[int, Tensor] = {}
    for stride in {stride for levels in kept.values() for stride in levels}:
        width = next(iter(widths.values()))[stride]
        read = torch.zeros(width, dtype=torch.bool)
        for levels in kept.values():
            if stride in levels:
                read[levels[stride]] = True
        places = network.fusion.placed(torch.arange(sizes[stride]), sizes[stride])
        if len(places) != width or int(places.max()) >= width:
            continue  # a fusion that makes other channels of them
        index = read[places].view(-1, sizes[stride]).any(0).nonzero().squeeze(1)
        if len(index) < sizes[stride]:
            used[stride] = index
    return used


def _masked(network: Network, kept: Kept, used: Mapping[int, Tensor]) -> Network:
    made = copy.deepcopy(network)
    made.encoder_channels = ChannelMask(dict.fromkeys(made.tasks, used))
    made.head_channels = ChannelMask(kept)
    return made


def _narrowed(
    network: Network,
    kept: Kept,
    used: Mapping[int, Tensor],
    sizes: Mapping[int, int],
    widths: Mapping[str, Mapping[int, int]],
) -> Network:
    """The heads, and fusion, with fewer channels."""
    made = copy.deepcopy(network)
    places = {s: made.fusion.placed(index, sizes[s]).sort().values for s, index in used.items()}
    chosen: dict[str, dict[int, Tensor]] = {}
    for task, levels in kept.items():
        made.head(task).narrow(levels)
        # As they are numbered among those that are left.
        among = {
            s: torch.searchsorted(places[s], index) if s in places else index
            for s, index in levels.items()
        }
        wholes = {s: len(places[s]) if s in places else widths[task][s] for s in levels}
        chosen[task] = {s: index for s, index in among.items() if len(index) < wholes[s]}
    made.head_channels = ChannelChoice(chosen)
    made.encoder_channels = ChannelChoice(dict.fromkeys(made.tasks, used))
    made.fusion.narrow(used)
    return made


def _works(made: Network, masked: Network, image: Tensor) -> bool:
    try:
        found = made(image)
    except RuntimeError:  # shapes that don't fit
        return False
    return equal(found, masked(image))


def equal(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether raw outputs of networks are the same but for the order of sums."""
    return all(
        _near(value, _tensors(wanted[task])[name])
        for task, raw in found.items()
        for name, value in _tensors(raw).items()
    )


def _tensors(raw: Any) -> Mapping[str, Tensor]:
    return {"": raw} if isinstance(raw, Tensor) else raw


def _near(found: Tensor, wanted: Tensor) -> bool:
    limit = TOLERANCE * max(1.0, float(wanted.abs().max()))
    return found.shape == wanted.shape and bool(((found - wanted).abs() <= limit).all())
