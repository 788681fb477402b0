"""``prune``: structured pruning in rounds."""

from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from typing import Literal

from mtl.config.nearest import listing
from mtl.errors import UserError
from mtl.runs.compression.base import Step, Workpiece
from mtl.runs.compression.channels.costs import Costs, Floats, costs_of, counts
from mtl.runs.compression.channels.coupling import Coupling, coupling, small_side
from mtl.runs.compression.channels.cut import cut
from mtl.runs.compression.channels.groups import Group
from mtl.runs.compression.channels.importance import check_weights, magnitude, taylor
from mtl.runs.compression.channels.refresh import refresh_statistics
from mtl.runs.compression.channels.tried import that_can_go
from mtl.runs.compression.prune.choice import by_worth, evenly, gone, shrinking

NAMED = 4
"""Layers that are named where more are left alone."""


class Prune(Step):
    """Takes channels out until the network needs a share of its multiply-adds.

    In each of several rounds the channels are judged on training images, the least important go,
    the batch norms' statistics are taken anew, and the network is trained a little; at the end it
    is trained longer. Channels that belong together (of layers whose outputs are added, say) go
    together, in every layer that makes or reads them.

    Args:
        keep: share of the multiply-adds of the whole network that stays, 0..1.
        rounds: in which the others go, by equal factors.
        importance: ``taylor``, the effect on all tasks' losses, or ``magnitude`` of the weights.
        weights: task to its share in ``taylor``; 1 where it is not there.
        images: that channels are judged on.
        scope: ``network``, which of all channels go by importance for their cost, or ``layer``,
            the same share of each layer.
        heads: whether channels inside heads may go too.
        least: share of a layer's channels that always stays, 0..1.
        multiple: of channels that a layer is left with, where it has more.
        epochs_factor: epochs of training after each round but the last, in those of the run.
        final_epochs_factor: likewise, after the last.
        lr_factor: the learning rate in that of the run.
    """

    strength = "keep"
    trains = True

    def __init__(
        self,
        *,
        keep: float,
        rounds: int,
        importance: Literal["taylor", "magnitude"],
        weights: Mapping[str, float],
        images: int,
        scope: Literal["network", "layer"],
        heads: bool,
        least: float,
        multiple: int,
        epochs_factor: float,
        final_epochs_factor: float,
        lr_factor: float,
    ) -> None:
        self.keep = keep
        self.rounds = rounds
        self.importance = importance
        self.weights = weights
        self.images = images
        self.scope = scope
        self.heads = heads
        self.least = least
        self.multiple = multiple
        self.epochs_factor = epochs_factor
        self.final_epochs_factor = final_epochs_factor
        self.lr_factor = lr_factor

    def check(self, work: Workpiece) -> None:
        """See ``Step``: the tasks that are weighed are the network's."""
        check_weights("prune", self.weights, work.network.tasks)

    def apply(self, work: Workpiece) -> None:
        """See ``Step``."""
        whole = 0.0
        sizes: dict[bytes, int] = {}
        for number in range(1, self.rounds + 1):
            found = self._coupling(work)
            costs = costs_of(work.network, found, int(work.cfg.image_size))
            if number == 1:
                whole = costs.total
                sizes = {_key(found, group): len(group) for group in found.groups}
                _say_left(work, found)
            least = [ceil(self.least * sizes.get(_key(found, g), len(g))) for g in found.groups]
            groups = shrinking(found, self._scores(work, found, costs), self.multiple, least)
            choose = by_worth if self.scope == "network" else evenly
            target = whole * self.keep ** (number / self.rounds)
            choose(groups, costs, target)
            cut(found, gone(found, groups))
            refresh_statistics(work.network, work.images("train", self.images))
            short = costs.total > 1.02 * target
            work.say(
                f"round {number} of {self.rounds}: {costs.total / whole:.1%} of the multiply-adds"
                f" are left{'; no more may go' if short else ''}"
            )
            factor = self.final_epochs_factor if number == self.rounds else self.epochs_factor
            epochs = ceil(factor * int(work.cfg.epochs))
            work.finetune(work.network, epochs, self.lr_factor * float(work.cfg.lr))

    def _coupling(self, work: Workpiece) -> Coupling:
        size = int(work.cfg.image_size)
        found = coupling(work.network, size)
        found = that_can_go(work.network, found, small_side(work.network, size))
        groups = [group for group in found.groups if self.heads or not _in_heads(found, group)]
        if not groups:
            raise UserError("prune: no channel of this network can be taken out")
        return replace(found, groups=groups)

    def _scores(self, work: Workpiece, found: Coupling, costs: Costs) -> list[Floats]:
        if self.importance == "taylor":
            batches = work.images("train", self.images)
            return taylor(work.network, found, batches, self.weights)
        # Large and small layers alike, whatever their channels cost.
        return [
            values * costs.saved(*counts(found, group.units[:1]))
            for values, group in zip(magnitude(found), found.groups, strict=True)
        ]


def _makers(found: Coupling, group: Group) -> list[str]:
    """The layers that make a group's channels."""
    places = group.units[0]
    return [
        layer.name
        for layer in found.layers
        if layer.mixes
        and ((places >= layer.first_out) & (places < layer.first_out + layer.outs)).any()
    ]


def _key(found: Coupling, group: Group) -> bytes:
    """What a group has in common before and after channels have gone: its layers."""
    ins, outs = counts(found, group.units[:1])
    return ins.tobytes() + outs.tobytes()


def _in_heads(found: Coupling, group: Group) -> bool:
    return any(name.startswith("heads.") for name in _makers(found, group))


def _say_left(work: Workpiece, found: Coupling) -> None:
    """Which layers keep what goes out of them, the last of each head among them."""
    if found.left:
        named = list(found.left[:NAMED])
        more = len(found.left) - len(named)
        rest = f" and {more} more" if more else ""
        work.say(f"layers that keep their outputs: {listing(named)}{rest}")
