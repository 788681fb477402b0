"""The layers whose channels can be taken out."""

from collections import Counter
from collections.abc import Callable, Container
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrize import is_parametrized

from mtl.model.backbone.rotation import TurnedConv2d
from mtl.model.backbone.small_cnn import Shortcut
from mtl.model.resized import is_depthwise

PADDED = "timm.layers.conv2d_same.Conv2dSame"
"""A convolution of timm's that pads first."""


@dataclass(frozen=True)
class ChannelLayer:
    """A layer with its places in the list of all channels of the network.

    Args:
        name: in the network.
        module: a convolution, linear layer or norm.
        ins: channels that come in.
        outs: channels that go out.
        first_in: place of the first one that comes in.
        first_out: of the first one that goes out; the same where each channel stays by itself.
    """

    name: str
    module: nn.Module
    ins: int
    outs: int
    first_in: int
    first_out: int

    @property
    def mixes(self) -> bool:
        """Whether what goes out is made of all that comes in."""
        return self.first_in != self.first_out

    @property
    def incoming(self) -> slice:
        """The places of what comes in."""
        return slice(self.first_in, self.first_in + self.ins)

    @property
    def outgoing(self) -> slice:
        """The places of what goes out."""
        return slice(self.first_out, self.first_out + self.outs)


@dataclass(frozen=True)
class Loose:
    """A parameter outside of such layers.

    Args:
        owner: the module that has it.
        leaf: its name in that.
    """

    owner: nn.Module
    leaf: str

    @property
    def value(self) -> Tensor:
        """The parameter."""
        found = self.owner._parameters[self.leaf]
        assert found is not None
        return found


@dataclass(frozen=True)
class Vector(Loose):
    """One with a number for each channel.

    Args:
        dim: that counts channels.
        size: how many there are.
        first: place of the first.
    """

    dim: int
    size: int
    first: int

    @property
    def own(self) -> slice:
        """Its places."""
        return slice(self.first, self.first + self.size)


def layers_and_vectors(
    network: nn.Module, called: Container[nn.Module]
) -> tuple[list[ChannelLayer], list[Vector], list[Loose], int]:
    """All there are, the parameters that are neither, and the number of places.

    Args:
        network: any.
        called: modules that are called in a forward pass; of others the parameters alone are used.
    """
    owners = Counter(id(p) for m in network.modules() for p in m.parameters(recurse=False))
    layers: list[ChannelLayer] = []
    vectors: list[Vector] = []
    loose: list[Loose] = []
    places = 0
    for name, module in network.named_modules():
        own = dict(module.named_parameters(recurse=False))
        alone = all(owners[id(parameter)] == 1 for parameter in own.values())
        count = _channels(module) if alone and module in called else None
        if count is None:
            for leaf, parameter in own.items():
                long = [dim for dim, size in enumerate(parameter.shape) if size > 1]
                if len(long) == 1:
                    vectors.append(Vector(module, leaf, long[0], parameter.numel(), places))
                    places += parameter.numel()
                elif long:
                    loose.append(Loose(module, leaf))
            continue
        ins, outs, mixes = count
        layers.append(ChannelLayer(name, module, ins, outs, places, places + ins * mixes))
        places += ins * mixes + outs
    return layers, vectors, loose, places


def _channels(module: nn.Module) -> tuple[int, int, bool] | None:
    """Channels in and out, and whether they are mixed; None for what can't be cut."""
    if is_parametrized(module):
        return None
    mixing: tuple[int, int] | None = None
    apart: int | None = None
    if isinstance(module, nn.Conv2d) and _convolves(module):
        if is_depthwise(module):
            apart = module.out_channels
        elif module.groups == 1:
            mixing = module.in_channels, module.out_channels
    elif isinstance(module, nn.Linear) and _plain(module, nn.Linear.forward):
        mixing = module.in_features, module.out_features
    elif isinstance(module, _BatchNorm) and (module.affine or module.track_running_stats):
        apart = module.num_features
    elif (
        isinstance(module, nn.GroupNorm) and _plain(module, nn.GroupNorm.forward) and module.affine
    ):
        apart = module.num_channels
    if apart is not None:
        return apart, apart, False
    return None if mixing is None else (*mixing, True)


def _convolves(module: nn.Conv2d) -> bool:
    kind = type(module)
    ours = isinstance(module, Shortcut | TurnedConv2d)
    return (
        ours
        or f"{kind.__module__}.{kind.__name__}" == PADDED
        or (_plain(module, nn.Conv2d.forward) and kind._conv_forward is nn.Conv2d._conv_forward)
    )


def _plain(module: nn.Module, forward: Callable[..., Tensor]) -> bool:
    return type(module).forward is forward
