"""Layers that read or make some of their channels only, in place."""

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mtl.model.resized import replace_tensor, settle


def narrow_inputs(layer: nn.Module, kept: Tensor) -> None:
    """See that a layer reads some of its input channels; only these will come in.

    Args:
        layer: an ``nn.Linear``, or an ``nn.Conv2d`` that isn't grouped.
        kept: (k,) int64, of its input channels.

    Raises:
        TypeError: it is another layer.
    """
    if not _dense(layer):
        raise TypeError(f"{type(layer).__name__} can't read fewer channels")
    _keep(layer, ("weight",), 1, kept)


def narrow_outputs(layer: nn.Module, kept: Tensor) -> None:
    """See that a layer makes some of its output channels.

    Args:
        layer: as for ``narrow_inputs``, or a batch normalisation.
        kept: (k,) int64, of its output channels.

    Raises:
        TypeError: it is another layer.
    """
    if not _dense(layer) and not isinstance(layer, _BatchNorm):
        raise TypeError(f"{type(layer).__name__} can't make fewer channels")
    _keep(layer, ("weight", "bias", "running_mean", "running_var"), 0, kept)


def _dense(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1)


def _keep(layer: nn.Module, names: tuple[str, ...], dimension: int, kept: Tensor) -> None:
    for name in names:
        whole = getattr(layer, name, None)
        if whole is not None:
            part = whole.detach().index_select(dimension, kept.to(whole.device))
            replace_tensor(layer, name, part)
    settle(layer)
