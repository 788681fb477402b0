"""Marks on channels, and where they arrive."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mtl.model.channels import ChannelChoice
from mtl.model.network import Network
from mtl.runs.compression.channels.digits import Flags, Ints, digits
from mtl.runs.compression.channels.layers import ChannelLayer

MOST_IMAGES = 96
"""That go through the network at a time."""
FEWEST_IMAGES = 32
"""More than there are streams, so that images and streams are not taken for each other."""
Rows = Mapping[int, Flags]
"""A reader's number to which images (rows) have a mark in which of its inputs (columns).

Readers are the layers, and the feature maps that encoder and fusion hand out, read or not.
"""


def together(layers: Sequence[ChannelLayer]) -> Iterator[list[ChannelLayer]]:
    """Layers that are marked at a time, each in images of its own."""
    some: list[ChannelLayer] = []
    for layer in layers:
        if some and sum(len(digits(one.outs)) for one in [*some, layer]) > MOST_IMAGES:
            yield some
            some = []
        some.append(layer)
    if some:
        yield some


class Marks:
    """Sends marks through a network.

    Args:
        network: see ``coupling``.
        layers: that stop marks, and show what arrives.
        side: of the pictures.
        places: of the channels of all layers and vectors.
    """

    def __init__(
        self, network: Network, layers: Sequence[ChannelLayer], side: int, places: int
    ) -> None:
        self.network = network
        self.numbers = {layer.module: number for number, layer in enumerate(layers)}
        self.side = side
        self.first = [layer.first_in for layer in layers]
        self.places = places
        self.choices: dict[tuple[ChannelChoice, str], Ints] = {}
        """A list of channels, by its owner and name there, to the places it is chosen from."""
        added: dict[int, Ints] = {}

        def add(number: int, maps: Tensor) -> None:
            """One more reader, behind all others."""
            added[id(maps)] = self.places + np.arange(maps.shape[1])
            self.first.append(self.places)
            self.places += maps.shape[1]

        def choose(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            assert isinstance(module, ChannelChoice)
            for task, stride, name in module.names():
                self.choices[module, name] = added[id(inputs[0][task][stride])]

        chosen = [module for module in network.modules() if isinstance(module, ChannelChoice)]
        handles = [module.register_forward_pre_hook(choose) for module in chosen]
        with self._watching_features(add):
            network(torch.zeros(1, network.image_channels, side, side))
        for handle in handles:
            handle.remove()

    def seen_of_layers(
        self, layers: Sequence[ChannelLayer]
    ) -> Iterator[tuple[ChannelLayer, Rows, bool]]:
        """Mark what goes out of some layers.

        Args:
            layers: which, each in images of its own.

        Returns:
            For each, what arrives where, and whether something arrives at the network's outputs.
        """
        sets = [digits(layer.outs) for layer in layers]
        ends = np.cumsum([len(own) for own in sets])
        count = max(FEWEST_IMAGES, int(ends[-1]))
        marked = {}
        for layer, own, end in zip(layers, sets, ends, strict=True):
            marked[layer.module] = torch.zeros(count, layer.outs, dtype=torch.bool)
            marked[layer.module][end - len(own) : end] = torch.from_numpy(own)
        found, out = self._run(self._images(count), marked)
        for layer, own, end in zip(layers, sets, ends, strict=True):
            rows = slice(end - len(own), end)
            arrived = {number: all_[rows] for number, all_ in found.items() if all_[rows].any()}
            yield layer, arrived, bool(out[rows].any())

    def seen(self) -> tuple[Rows, bool]:
        """What arrives where while some parameter is marked, with a single image."""
        found, out = self._run(self._images(1), {})
        return found, bool(out.any())

    @property
    def _shape(self) -> tuple[int, int, int]:
        return self.network.image_channels, self.side, self.side

    def _images(self, count: int) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        return torch.rand(count, *self._shape, generator=generator)

    def seen_of_images(self) -> Rows:
        """Where the picture itself is read."""
        return self._run(torch.full((1, *self._shape), torch.nan), {})[0]

    def _run(self, image: Tensor, marked: Mapping[nn.Module, Tensor]) -> tuple[Rows, Flags]:
        found: dict[int, Flags] = {}
        batch = len(image)

        def note(number: int, marks: Tensor) -> None:
            rows = marks.flatten(2).any(2) if marks.dim() > 2 else marks
            if rows.any():
                found[number] = found.get(number, False) | _by_image(rows, batch)

        def arrive(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            note(self.numbers[module], _by_rows(module, inputs[0], batch).isnan())

        def leave(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
            clean = output.nan_to_num(0.0, 0.0, 0.0)
            if module not in marked:
                return clean
            shown = _by_rows(module, clean, batch)
            marks = marked[module].repeat(len(shown) // batch, 1)
            shown.masked_fill_(marks.view(*marks.shape, *[1] * (shown.dim() - 2)), torch.nan)
            return clean

        handles = [module.register_forward_pre_hook(arrive) for module in self.numbers]
        handles += [module.register_forward_hook(leave) for module in self.numbers]
        with self._watching_features(lambda number, maps: note(number, maps.isnan())):
            raw = self.network(image)
        for handle in handles:
            handle.remove()
        shown = [
            _by_image(t.isnan().reshape(len(t), -1).any(1, keepdim=True), batch)
            for t in _tensors(raw)
        ]
        return found, np.any(shown, axis=0)

    @contextmanager
    def _watching_features(self, see: Callable[[int, Tensor], None]) -> Iterator[None]:
        """Shows each map that encoder and fusion hand out, with its number, in the same order."""
        number = len(self.numbers)

        def look(module: nn.Module, inputs: Any, output: Any) -> None:
            nonlocal number
            for maps in {id(tensor): tensor for tensor in _tensors(output)}.values():
                see(number, maps)
                number += 1

        parts = (self.network.encoder, self.network.fusion)
        handles = [part.register_forward_hook(look) for part in parts]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def _by_image(rows: Tensor, batch: int) -> Flags:
    """(S·B, C) of streams in turn, to (B, C); what isn't laid out so counts for all images."""
    streams, odd = divmod(len(rows), batch)
    each = rows.any(0).expand(batch, -1) if odd else rows.view(streams, batch, -1).any(0)
    return each.numpy()


def _by_rows(module: nn.Module, tensor: Tensor, batch: int) -> Tensor:
    """(S·B, channels, ...), a view; linear layers have channels last, and may have (S, B, ...)."""
    if not isinstance(module, nn.Linear):
        return tensor
    rows = tensor.flatten(0, 1) if tensor.dim() > 2 and len(tensor) % batch else tensor
    return rows.movedim(-1, 1)


def _tensors(raw: Any) -> Iterator[Tensor]:
    """All tensors in nested mappings and sequences."""
    if isinstance(raw, Tensor):
        yield raw
    elif isinstance(raw, Mapping):
        for value in raw.values():
            yield from _tensors(value)
    elif isinstance(raw, Sequence):
        for value in raw:
            yield from _tensors(value)
