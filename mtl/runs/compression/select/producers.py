"""The layers of an encoder that make some channels of its features and nothing else."""

import copy
from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from mtl.model.backbone.base import Backbone, Features
from mtl.model.encoder.base import Encoder
from mtl.model.narrow import narrow_outputs

STRENGTH = 10.0
"""Of a disturbance, in standard deviations of a layer's output."""
UNTOUCHED = 1e-6
"""Relative difference below which a channel has not noticed."""

Encoded = Mapping[str, Features]


@torch.no_grad()
def narrow_encoder(
    encoder: Encoder, used: Mapping[int, Tensor], views: Tensor, strides: Collection[int]
) -> tuple[Encoder, frozenset[int]]:
    """An encoder that makes only the channels that are used, where it can.

    A layer's channel may go if nothing but unused channels of the features comes of it, which is
    measured: its output is disturbed there, and the features are looked at. What belongs together
    is found in the same way, whatever shares, mixes and compares: the layers on the way to the
    unused channels are narrowed all at once, and if what comes out is not the same, or layers don't
    fit each other any more, none of them is. So it is where a residual connection carries a
    channel on that other layers read. Only the coarsest features are looked at: of finer ones later
    stages are made.

    Args:
        encoder: in evaluation mode; left as it was.
        used: stride to the channels, (k,) int64, of its features that go on.
        views: what goes into the encoder, two views or more.
        strides: of the features that anything reads.

    Returns:
        The encoder, and the strides of which it gives only the used channels.
    """
    stride = max(strides)
    if stride not in used:
        return encoder, frozenset()
    wanted = _read(encoder(views), strides)
    trial = copy.deepcopy(encoder)
    for layer, kept in _producers(trial, stride, used[stride], views, wanted).items():
        narrow_outputs(layer, kept)
    try:
        found = _read(trial(views), strides)
    except RuntimeError:  # shapes that don't fit
        return encoder, frozenset()
    left = {
        task: {s: m[:, used[s]] if s == stride else m for s, m in levels.items()}
        for task, levels in wanted.items()
    }
    return (trial, frozenset({stride})) if _alike(found, left) else (encoder, frozenset())


def _producers(
    encoder: Encoder, stride: int, used: Tensor, views: Tensor, wanted: Encoded
) -> dict[nn.Module, Tensor]:
    """Layer to its channels that have to stay, for all layers with some that may go."""
    width = next(iter(wanted.values()))[stride].shape[1]
    unused = torch.ones(width, dtype=torch.bool)
    unused[used] = False
    found: dict[nn.Module, Tensor] = {}
    for layer in encoder.modules():
        outputs = _outputs(layer)
        if outputs not in _widths(encoder, stride, width):
            continue
        # An encoder may give more channels than a layer makes: one after the other, and again.
        going = unused.view(-1, outputs).all(0)
        if going.any() and _disturbs_only(unused, stride, wanted, layer, going, encoder, views):
            found[layer] = (~going).nonzero().squeeze(1)
    return found


def _widths(encoder: Encoder, stride: int, width: int) -> set[int]:
    """Of the backbones' maps of a stride, and of the features themselves."""
    backbones = [module for module in encoder.modules() if isinstance(module, Backbone)]
    own = {s.channels for b in backbones for s in b.feature_stages if s.stride == stride}
    return {outputs for outputs in own | {width} if width % outputs == 0}


def _outputs(layer: nn.Module) -> int:
    if isinstance(layer, nn.Conv2d) and layer.groups == 1:
        return layer.out_channels
    return layer.num_features if isinstance(layer, nn.BatchNorm2d) else 0


def _disturbs_only(
    unused: Tensor,
    stride: int,
    wanted: Encoded,
    layer: nn.Module,
    channels: Tensor,
    encoder: Encoder,
    views: Tensor,
) -> bool:
    """Whether unused channels of the features, and no others, follow some of a layer's."""

    def disturb(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        # Both ways, since a rectifier may hide one of them.
        ways = torch.ones(len(output)).index_fill(0, torch.arange(0, len(output), 2), -1.0)
        size = STRENGTH * (output.std() + 1)
        return output + size * ways.view(-1, 1, 1, 1) * channels.view(1, -1, 1, 1)

    handle = layer.register_forward_hook(disturb)
    try:
        found = _read(encoder(views), wanted[next(iter(wanted))])
    finally:
        handle.remove()
    noticed = False
    for task, levels in wanted.items():
        for s, maps in levels.items():
            changed = _changed(found[task][s], maps)
            if s == stride:
                noticed = noticed or bool(changed[unused].any())
                changed = changed & ~unused
            if changed.any():
                return False
    return noticed


def _read(encoded: Encoded, strides: Collection[int]) -> dict[str, Features]:
    return {task: {s: m for s, m in f.items() if s in strides} for task, f in encoded.items()}


def _changed(found: Tensor, wanted: Tensor) -> Tensor:
    """(C,) bool."""
    scale = max(1.0, float(wanted.abs().max()))
    return (found - wanted).abs().amax((0, 2, 3)) > UNTOUCHED * scale


def _alike(found: Encoded, wanted: Encoded) -> bool:
    return all(
        found[task][s].shape == m.shape and not bool(_changed(found[task][s], m).any())
        for task, levels in wanted.items()
        for s, m in levels.items()
    )
