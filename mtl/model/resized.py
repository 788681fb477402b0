"""Networks whose layers have fewer channels than they were built with."""

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from mtl.errors import UserError


def take_shapes(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Make every tensor as large as one of a state, and let the layers know.

    Args:
        network: as its configuration builds it; changed in place. Values of what changes are not
            kept.
        state: names as in the network's ``state_dict``.

    Raises:
        UserError: a tensor is not a part of that of the network.
    """
    for name, module in network.named_modules():
        own = {**module._parameters, **module._buffers}
        for leaf, tensor in own.items():
            wanted = state.get(f"{name}.{leaf}" if name else leaf)
            if tensor is None or wanted is None or wanted.shape == tensor.shape:
                continue
            fits = wanted.dim() == tensor.dim() and all(
                0 < new <= old for new, old in zip(wanted.shape, tensor.shape, strict=True)
            )
            if not fits:
                raise UserError(
                    f"{name}.{leaf} is {tuple(wanted.shape)}, which is no part of the "
                    f"{tuple(tensor.shape)} of the configuration"
                )
            replace_tensor(module, leaf, wanted.clone())
        settle(module)


def replace_tensor(module: nn.Module, leaf: str, tensor: Tensor) -> None:
    """Put another tensor in the place of a parameter or buffer.

    Args:
        module: that has it.
        leaf: its name in the module.
        tensor: of any shape.
    """
    if leaf in module._parameters:
        old = module._parameters[leaf]
        trained = old is None or old.requires_grad
        module._parameters[leaf] = nn.Parameter(tensor.detach(), requires_grad=trained)
    else:
        module._buffers[leaf] = tensor.detach()


def settle(module: nn.Module) -> None:
    """Let a layer know how many channels its tensors have.

    Convolutions keep their number of groups, but for depthwise ones, which keep one channel a
    group; group normalisation keeps as many channels in each group.

    Args:
        module: any; what is no such layer is left as it is.
    """
    if isinstance(module, _ConvNd):
        out, inside = module.weight.shape[:2]
        if is_depthwise(module):
            module.groups = out
        module.out_channels, module.in_channels = out, inside * module.groups
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, _BatchNorm):
        vector = module.running_mean if module.weight is None else module.weight
        module.num_features = module.num_features if vector is None else len(vector)
    elif isinstance(module, nn.GroupNorm) and module.weight is not None:
        each = module.num_channels // module.num_groups
        module.num_channels = len(module.weight)
        module.num_groups = module.num_channels // each


def is_depthwise(module: nn.Module) -> bool:
    """Whether it is a convolution of each channel by itself."""
    return (
        isinstance(module, _ConvNd)
        and module.groups == module.in_channels == module.out_channels > 1
    )
