"""Which channels go."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mtl.runs.compression.channels.costs import Costs, Floats, counts
from mtl.runs.compression.channels.coupling import Coupling
from mtl.runs.compression.channels.digits import Ints


@dataclass
class Shrinking:
    """A group while its units go, the least important first.

    Args:
        order: its units' numbers, the least important first.
        scores: of these, in this order.
        ins: (L,) channels that come into each layer of which one unit is.
        outs: (L,) likewise, of what goes out.
        block: units that go together.
        least: units that stay.
        gone: units that have gone.
    """

    order: Ints
    scores: Floats
    ins: Floats
    outs: Floats
    block: int
    least: int
    gone: int = 0

    @property
    def next(self) -> int:
        """How many units would go next; 0 where no more may."""
        left = len(self.order) - self.gone
        odd = left % self.block if left > self.block else 0
        size = odd or self.block
        return size if left - size >= self.least else 0


def shrinking(
    coupling: Coupling, scores: Sequence[Floats], multiple: int, least: Sequence[int]
) -> list[Shrinking]:
    """The groups of a network, ready to give units away.

    Args:
        coupling: of it.
        scores: of each group's units.
        multiple: of channels, which a layer is left with where it has more than that.
        least: units that stay of each group.
    """
    found = []
    for group, values, low in zip(coupling.groups, scores, least, strict=True):
        order = np.argsort(values, kind="stable")
        ins, outs = counts(coupling, group.units[:1])
        made = [n for n, layer in zip(outs, coupling.layers, strict=True) if layer.mixes and n]
        block = max(1, multiple // int(min(made)))
        found.append(Shrinking(order, values[order], ins, outs, block, max(1, low)))
    return found


def by_worth(groups: Sequence[Shrinking], costs: Costs, target: float) -> None:
    """Let units go, always those that are worth the least for what they cost.

    Args:
        groups: changed in place.
        costs: of the network; changed likewise.
        target: multiply-adds to stop at.
    """
    while costs.total > target:
        best: tuple[float, Shrinking, int] | None = None
        for group in groups:
            size = group.next
            if not size:
                continue
            saved = costs.saved(size * group.ins, size * group.outs)
            worth = float(group.scores[group.gone : group.gone + size].sum())
            if saved > 0 and (best is None or worth / saved < best[0]):
                best = worth / saved, group, size
        if best is None:
            return
        _, group, size = best
        costs.take(size * group.ins, size * group.outs)
        group.gone += size


def evenly(groups: Sequence[Shrinking], costs: Costs, target: float) -> None:
    """Let the same share of every group go, the least important first.

    Args:
        groups: changed in place.
        costs: of the network; changed likewise.
        target: multiply-adds to stop at.
    """
    while costs.total > target:
        free = [group for group in groups if group.next]
        if not free:
            return
        group = min(free, key=lambda g: (g.gone + g.next) / len(g.order))
        size = group.next
        costs.take(size * group.ins, size * group.outs)
        group.gone += size


def gone(coupling: Coupling, groups: Sequence[Shrinking]) -> Ints:
    """The places of all channels that have gone."""
    found = [
        group.units[state.order[: state.gone]].ravel()
        for group, state in zip(coupling.groups, groups, strict=True)
    ]
    return np.concatenate([np.empty(0, np.int64), *found])
