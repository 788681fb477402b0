"""What channels cost: multiply-adds as a function of how many there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mtl.model.network import Network
from mtl.runs.compression.channels.coupling import Coupling
from mtl.runs.compression.channels.digits import Ints

Floats = npt.NDArray[np.float64]


@dataclass
class Costs:
    """The multiply-adds of a network while channels are taken out of it.

    Args:
        ins: (L,) channels that come into each layer.
        outs: (L,) that go out.
        each: (L,) multiply-adds for every pair of one that comes in and one that goes out; for
            every channel where they don't mix.
        mixes: (L,) whether they do.
        rest: of all that is no such layer.
    """

    ins: Floats
    outs: Floats
    each: Floats
    mixes: npt.NDArray[np.bool_]
    rest: float

    @property
    def total(self) -> float:
        """All of them."""
        return float(self._sum(self.ins, self.outs)) + self.rest

    def saved(self, ins: Floats, outs: Floats) -> float:
        """How many fewer there are without so many (L,) channels."""
        before = self._sum(self.ins, self.outs)
        return float(before - self._sum(self.ins - ins, self.outs - outs))

    def take(self, ins: Floats, outs: Floats) -> None:
        """Let so many (L,) channels go."""
        self.ins, self.outs = self.ins - ins, self.outs - outs

    def _sum(self, ins: Floats, outs: Floats) -> float:
        return float((self.each * np.where(self.mixes, ins * outs, outs)).sum())


def costs_of(network: Network, coupling: Coupling, image_size: int) -> Costs:
    """Count them in a forward pass of one image.

    Args:
        network: on the CPU, in evaluation mode.
        coupling: of it.
        image_size: side in pixels.
    """
    modules = [layer.module for layer in coupling.layers]
    spent, total = _spent(network, modules, image_size)
    ins, outs = (np.array([getattr(x, n) for x in coupling.layers], float) for n in ("ins", "outs"))
    mixes = np.array([layer.mixes for layer in coupling.layers], dtype=bool)
    each = spent / np.where(mixes, ins * outs, outs)
    return Costs(ins, outs, each, mixes, total - float(spent.sum()))


def counts(coupling: Coupling, units: Ints) -> tuple[Floats, Floats]:
    """Of how many channels that come into, and go out of, each layer some units are."""
    there = np.zeros(coupling.places)
    there[units] = 1
    ins = np.array([there[layer.incoming].sum() for layer in coupling.layers])
    return ins, np.array([there[layer.outgoing].sum() for layer in coupling.layers])


def _spent(network: Network, modules: Sequence[nn.Module], side: int) -> tuple[Floats, float]:
    """(L,) multiply-adds inside each module, over all of its calls, and those of the network."""
    counter = FlopCounterMode(display=False)
    begun: dict[nn.Module, int] = {}
    spent = dict.fromkeys(modules, 0)

    def begin(module: nn.Module, inputs: Any) -> None:
        begun[module] = counter.get_total_flops()

    def end(module: nn.Module, inputs: Any, output: Any) -> None:
        spent[module] += counter.get_total_flops() - begun[module]

    handles = [module.register_forward_pre_hook(begin) for module in modules]
    handles += [module.register_forward_hook(end) for module in modules]
    try:
        with torch.no_grad(), counter:
            network(torch.zeros(1, network.image_channels, side, side))
    finally:
        for handle in handles:
            handle.remove()
    return np.array([spent[m] for m in modules], float) / 2, counter.get_total_flops() / 2
