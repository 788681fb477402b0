"""timm's feature extractors, cut into a chain of stages."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from mtl.model.backbone.base import Stage

Chain = tuple[dict[str, nn.Module], tuple[Stage, ...]]


class _ChannelsLast(nn.Module):
    """A part that computes on (B, H, W, C), between neighbours that pass (B, C, H, W)."""

    def __init__(self, part: nn.Module, first: bool) -> None:
        super().__init__()
        self.part = part
        self.first = first

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.part(x if self.first else x.permute(0, 2, 3, 1))
        return result.permute(0, 3, 1, 2)


class _Coarsest(nn.Module):
    """The last output of a feature extractor that has many."""

    def __init__(self, net: nn.Module, channels_last: bool) -> None:
        super().__init__()
        self.net = net
        self.channels_last = channels_last

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.net(x)[-1]
        return result.permute(0, 3, 1, 2) if self.channels_last else result


def cut(net: nn.Module, size: int) -> Chain:
    """Cut a feature extractor of timm behind each of its outputs.

    Where the outputs don't follow from each other (transformers, HRNet), the whole is one stage
    ``body`` with the coarsest output.

    Args:
        net: made with ``features_only=True``.
        size: side in pixels of a picture that it takes, for a trial.

    Returns:
        Stages ``stage1``, ``stage2``, ... and their description.
    """
    channels_last = str(getattr(net, "output_fmt", "NCHW")).endswith("NHWC")
    info: Any = net.feature_info
    parts = _split(net)
    if channels_last:
        parts = [_ChannelsLast(part, first=i == 0) for i, part in enumerate(parts)]
    if not _same(net, parts, size, channels_last):
        body = Stage("body", info.channels()[-1], info.reduction()[-1])
        return {"body": _Coarsest(net, channels_last)}, (body,)
    stages = {f"stage{number}": part for number, part in enumerate(parts, 1)}
    return stages, tuple(map(Stage, stages, info.channels(), info.reduction()))


def _steps(net: nn.Module, outputs: list[str]) -> Iterator[tuple[str, nn.Module]]:
    """The children in order, with those that have an output inside taken apart."""
    for name, child in net.named_children():
        if any(output.startswith(f"{name}.") for output in outputs):
            yield from ((f"{name}.{k}", part) for k, part in child.named_children())
        else:
            yield name, child


def _split(net: Any) -> list[nn.Module]:
    """One module for each output, ending with the layer that makes it; unused layers drop out."""
    outputs = list(getattr(net, "return_layers", None) or net.feature_info.module_name())
    parts: list[nn.Module] = []
    steps: OrderedDict[str, nn.Module] = OrderedDict()
    for name, module in _steps(net, outputs):
        steps[name.replace(".", "_")] = module
        if name in outputs:
            parts.append(nn.Sequential(steps))
            steps = OrderedDict()
    return parts


@torch.no_grad()
def _same(net: nn.Module, parts: list[nn.Module], size: int, channels_last: bool) -> bool:
    """Whether the parts, run one after the other, give what the whole gives."""
    training = net.training
    net.eval()
    x = torch.linspace(-1, 1, 3 * size * size).view(1, 3, size, size)
    wanted = [f.permute(0, 3, 1, 2) if channels_last else f for f in net(x)]
    try:
        found = [x := part(x) for part in parts]
    except Exception:  # layers that aren't a chain fail in their own ways
        return False
    finally:
        net.train(training)
    return len(found) == len(wanted) and all(
        a.shape == b.shape and torch.allclose(a, b, atol=1e-4)
        for a, b in zip(found, wanted, strict=True)
    )
