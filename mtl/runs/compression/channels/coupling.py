"""Which channels of a built network belong together, found by marking them and looking.

To take a channel out of a layer, it has to go from every layer that reads it, from the norms on the
way, and from every layer whose output is added to it or multiplied with it. Which these are is
found by running the network: the channels of one layer at a time are marked with NaN, which passes
through everything that leaves channels apart (activations, pooling, sums, gates, concatenation,
turning, views) and spreads over everything that mixes them; the inputs of all other layers show
where marks arrive. So it holds for whatever a forward pass does, and for members of a user's own.
What arrives mixed on the way, by something that is no layer known here, stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from mtl.model.channels import ChannelChoice
from mtl.model.network import Network
from mtl.runs.compression.channels.digits import Flags, Ints, decoded, digits
from mtl.runs.compression.channels.groups import Group, grouped, left_of, units
from mtl.runs.compression.channels.layers import ChannelLayer, Loose, Vector, layers_and_vectors
from mtl.runs.compression.channels.marks import Marks, Rows, together

SIDE = 64
"""Of the pictures that marks are sent through, where networks take other sizes than their own."""


@dataclass(frozen=True)
class ChannelList:
    """Channels that a task goes on with, listed by number.

    Args:
        owner: the module that has the list.
        leaf: its name in that.
        origins: (C,) for each channel that it is chosen from a place that goes with it; -1 where
            there is none.
    """

    owner: ChannelChoice
    leaf: str
    origins: Ints


@dataclass(frozen=True)
class Coupling:
    """The channels of a network.

    Args:
        layers: that have some.
        vectors: likewise.
        places: how many there are.
        groups: those that may go.
        left: names of the layers that mix channels and keep all that go out of them.
        choices: lists of channels, which are numbered anew where some go.
    """

    layers: Sequence[ChannelLayer]
    vectors: Sequence[Vector]
    places: int
    groups: Sequence[Group]
    left: Sequence[str]
    choices: Sequence[ChannelList]


@torch.no_grad()
def coupling(network: Network, image_size: int) -> Coupling:
    """Find the groups of a network.

    Args:
        network: on the CPU, in evaluation mode; left as it was.
        image_size: side in pixels of its pictures.
    """
    side = small_side(network, image_size)
    layers, vectors, loose, places = layers_and_vectors(network, _called(network, side))
    marks = Marks(network, layers, side, places)
    nothing = np.empty(0, dtype=np.int64)
    pairs: list[tuple[Ints, Ints]] = [(nothing, nothing)]
    stays, every = np.zeros(marks.places, dtype=bool), np.arange(places)
    for some in together(layers):
        for layer, found, out in marks.seen_of_layers(some):
            places_of = every[layer.outgoing]
            _join(marks, places_of, found, pairs, stays)
            stays[places_of] |= out
            if isinstance(layer.module, nn.GroupNorm):
                each = layer.outs // layer.module.num_groups
                pairs.append((places_of, places_of - np.arange(layer.outs) % each))
    for vector in vectors:
        found, out = _vector_seen(marks, vector)
        places_of = every[vector.own]
        _join(marks, places_of, found, pairs, stays)
        stays[places_of] |= out
    for parameter in loose:
        _keep_readers(marks, parameter, stays)
    for number, rows in marks.seen_of_images().items():
        stays[marks.first[number] + np.flatnonzero(rows.any(0))] = True
    unit_of = units(pairs, marks.places)
    groups = grouped(layers, vectors, places, unit_of, stays)
    one_of = np.full(marks.places, -1)
    one_of[unit_of[:places]] = np.arange(places)
    choices = [
        ChannelList(owner, leaf, one_of[unit_of[from_]])
        for (owner, leaf), from_ in marks.choices.items()
    ]
    return Coupling(layers, vectors, places, groups, left_of(layers, groups, places), choices)


def small_side(network: Network, image_size: int) -> int:
    """That of the pictures which a network is looked at with: a small one where it takes it.

    Args:
        network: on the CPU, in evaluation mode.
        image_size: side in pixels of its pictures.
    """
    if image_size <= SIDE:
        return image_size
    try:
        network(torch.zeros(1, network.image_channels, SIDE, SIDE))
    except Exception:  # a user's own member may raise anything
        return image_size
    return SIDE


def _called(network: Network, side: int) -> set[nn.Module]:
    """The modules that a forward pass goes through."""
    found: set[nn.Module] = set()
    handles = [
        module.register_forward_hook(lambda module, inputs, output: found.add(module))
        for module in network.modules()
    ]
    network(torch.zeros(1, network.image_channels, side, side))
    for handle in handles:
        handle.remove()
    return found


def _keep_readers(marks: Marks, parameter: Loose, stays: Flags) -> None:
    """What a parameter has numbers of its own for can't go: nobody knows which these are."""
    whole = _marked(marks, parameter, ())
    for dim in (d for d, size in enumerate(parameter.value.shape) if size > 1):
        part = _marked(marks, parameter, (slice(None),) * dim + (0,))
        for number, rows in whole.items():
            if number not in part or (part[number] != rows).any():
                stays[marks.first[number] + np.flatnonzero(rows.any(0))] = True


def _marked(marks: Marks, parameter: Loose, where: Any) -> Rows:
    """What arrives where when some of a parameter's numbers are marked."""
    value = parameter.value
    before = value.clone()
    try:
        value[where] = torch.nan
        return marks.seen()[0]
    finally:
        value.copy_(before)


def _join(
    marks: Marks,
    places: Ints,
    found: Rows,
    pairs: list[tuple[Ints, Ints]],
    stays: Flags,
) -> None:
    """Note who reads the channels at some places, and what of them has been mixed."""
    if len(places) == 1:
        # What is alone can't go, and weighs or shifts whatever it meets as a whole.
        stays[places] = True
        return
    for number, rows in found.items():
        source, mixed = decoded(rows, len(places))
        readers = marks.first[number] + np.arange(len(source))
        clean = source >= 0
        pairs.append((places[source[clean]], readers[clean]))
        if mixed:
            stays[places] = True


def _vector_seen(marks: Marks, vector: Vector) -> tuple[Rows, bool]:
    """Mark a parameter's own numbers, one set after the other: it knows no images."""
    sets = digits(vector.size)
    rows: dict[int, Flags] = {}
    any_out = False
    value = vector.value
    before = value.clone()
    try:
        for row, digit in enumerate(sets):
            value.copy_(before)
            value.view(-1)[torch.from_numpy(digit)] = torch.nan
            found, out = marks.seen()
            any_out |= out
            for number, arrived in found.items():
                there = rows.setdefault(number, np.zeros((len(sets), arrived.shape[1]), bool))
                there[row] = arrived[0]
    finally:
        value.copy_(before)
    return rows, any_out
