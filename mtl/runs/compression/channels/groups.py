"""From channels that go together two by two to the sets that may go."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from mtl.runs.compression.channels.digits import Flags, Ints
from mtl.runs.compression.channels.layers import ChannelLayer, Vector


@dataclass(frozen=True)
class Group:
    """Channels that may go or stay, unit by unit.

    Args:
        units: (U, k) places; a row holds all channels that go together.
    """

    units: Ints

    def __len__(self) -> int:
        return len(self.units)


def units(pairs: Sequence[tuple[Ints, Ints]], count: int) -> Ints:
    """(count,) the number of the set that each place is in.

    Args:
        pairs: places that go together, one by one.
        count: of all places.
    """
    sources, readers = (np.concatenate(side) for side in zip(*pairs, strict=True))
    links = coo_matrix((np.ones(len(sources)), (sources, readers)), (count, count))
    found: Ints = connected_components(links, directed=False)[1].astype(np.int64)
    return found


def grouped(
    layers: Sequence[ChannelLayer],
    vectors: Sequence[Vector],
    places: int,
    unit_of: Ints,
    stays: Flags,
) -> list[Group]:
    """The sets of channels that may go, those of the same layers side by side.

    Args:
        layers: all.
        vectors: all.
        places: that these have.
        unit_of: see ``units``.
        stays: of each place whether it can't go, which holds for its whole set.
    """
    home = np.empty(places, dtype=np.int64)
    made = np.zeros(places, dtype=bool)
    for number, layer in enumerate(layers):
        home[layer.incoming] = 2 * number
        home[layer.outgoing] = 2 * number + 1
        made[layer.outgoing] = layer.mixes
    for number, vector in enumerate(vectors, 2 * len(layers)):
        home[vector.own] = number
    alike: dict[tuple[int, ...], list[Ints]] = {}
    order = np.argsort(unit_of, kind="stable")
    for unit in np.split(order, np.flatnonzero(np.diff(unit_of[order])) + 1):
        if stays[unit].any():
            continue
        # Feature maps have no channels of their own to take out.
        own = unit[unit < places]
        if made[own].any():
            own = own[np.argsort(home[own], kind="stable")]
            alike.setdefault(tuple(home[own].tolist()), []).append(own)
    return [Group(np.stack(units)) for units in alike.values()]


def left_of(layers: Sequence[ChannelLayer], groups: Sequence[Group], places: int) -> list[str]:
    """Names of the layers that mix channels and keep all that go out of them."""
    free = np.zeros(places, dtype=bool)
    for group in groups:
        free[group.units] = True
    return [layer.name for layer in layers if layer.mixes and not free[layer.outgoing].any()]
