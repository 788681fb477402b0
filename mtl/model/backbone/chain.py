"""timm's feature extractors, cut into a chain of stages."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mtl.errors import UserError
from mtl.model.backbone.base import Stage

Chain = tuple[dict[str, nn.Module], tuple[Stage, ...], tuple[Stage, ...]]
"""Stages, their description, and the outputs of a single one that has several."""


class _ChannelsLast(nn.Module):
    """A part that computes on (B, H, W, C), between neighbours that pass (B, C, H, W)."""

    def __init__(self, part: nn.Module, first: bool) -> None:
        super().__init__()
        self.part = part
        self.first = first

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.part(x if self.first else x.permute(0, 2, 3, 1))
        return result.permute(0, 3, 1, 2)


class _Whole(nn.Module):
    """A feature extractor that has many outputs.

    Args:
        net: it.
        channels_last: whether its maps are (B, H, W, C).
        places: of the outputs that are handed out; None: all, their channels side by side.
    """

    def __init__(self, net: nn.Module, channels_last: bool, places: Sequence[int] | None) -> None:
        super().__init__()
        self.net = net
        self.channels_last = channels_last
        self.places = places

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        maps = [m.permute(0, 3, 1, 2) if self.channels_last else m for m in self.net(x)]
        if self.places is None:
            return torch.cat(maps, 1)
        chosen = [maps[place] for place in self.places]
        return chosen[0] if len(chosen) == 1 else chosen


def cut(net: nn.Module, size: int, depths: int = 1) -> Chain:
    """Cut a feature extractor of timm behind each of its outputs.

    Where the outputs don't follow from each other (HRNet, many transformers), the whole is one
    stage ``body`` that hands out the last output of each stride. A plain vision transformer has one
    stride.

    Args:
        net: made with ``features_only=True``.
        size: side in pixels of a picture that it takes, for a trial.
        depths: how many outputs of a plain vision transformer, evenly spread over its blocks, are
            put side by side.

    Returns:
        Stages ``stage1``, ``stage2``, ..., their description, and what ``body`` hands out.

    Raises:
        UserError: there are no so many outputs of one stride.
    """
    if depths > 1:
        return _spread(net, depths)
    channels_last = str(getattr(net, "output_fmt", "NCHW")).endswith("NHWC")
    info: Any = net.feature_info
    parts = _split(net)
    if channels_last:
        parts = [_ChannelsLast(part, first=i == 0) for i, part in enumerate(parts)]
    if not _same(net, parts, size, channels_last):
        last = {stride: place for place, stride in enumerate(info.reduction())}
        outputs = [Stage(f"stride{s}", info.channels()[last[s]], s) for s in sorted(last)]
        whole = _Whole(net, channels_last, [last[stage.stride] for stage in outputs])
        return (*_body(whole, outputs[-1]), tuple(outputs) if len(outputs) > 1 else ())
    stages = {f"stage{number}": part for number, part in enumerate(parts, 1)}
    return stages, tuple(map(Stage, stages, info.channels(), info.reduction())), ()


def _body(whole: _Whole, coarsest: Stage) -> tuple[dict[str, nn.Module], tuple[Stage, ...]]:
    return {"body": whole}, (Stage("body", coarsest.channels, coarsest.stride),)


def _spread(net: Any, depths: int) -> Chain:
    """A plain vision transformer with some of its blocks' outputs side by side."""
    blocks = list(net.feature_info.info)
    strides = {block["reduction"] for block in blocks}
    if len(strides) > 1 or depths > len(blocks) or not hasattr(net, "out_indices"):
        what = (
            f"has {len(blocks)} blocks" if len(strides) == 1 else "has outputs of several strides"
        )
        raise UserError(
            f"backbone.depths={depths}: this model {what}; depths are for plain vision "
            "transformers, up to as many as they have blocks"
        )
    net.out_indices = [(number + 1) * len(blocks) // depths - 1 for number in range(depths)]
    channels = sum(blocks[place]["num_chs"] for place in net.out_indices)
    channels_last = str(net.output_fmt).endswith("NHWC")
    return (*_body(_Whole(net, channels_last, None), Stage("", channels, strides.pop())), ())


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
