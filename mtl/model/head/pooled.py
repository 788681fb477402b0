"""From a feature map to one vector of numbers per image."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mtl.model.backbone.base import Features, Stage
from mtl.model.head.options import check_names, check_range
from mtl.model.narrow import narrow_inputs


class Pooled(nn.Module):
    """The coarsest feature map, pooled over the whole picture and mapped to numbers.

    Args:
        head: name of the head's config group, for messages.
        stages: the features on offer, from fine to coarse.
        outputs: how many numbers.
        pool: ``avg`` or ``max``.
        hidden: width of a hidden layer; 0 for none.
        dropout: before each layer, 0..1.
    """

    def __init__(
        self,
        head: str,
        stages: Sequence[Stage],
        outputs: int,
        *,
        pool: str,
        hidden: int,
        dropout: float,
    ) -> None:
        super().__init__()
        check_names(head, "pool", [pool], ("avg", "max"))
        check_range(head, "hidden", hidden, 0)
        check_range(head, "dropout", dropout, 0, 1)
        self.stride = stages[-1].stride
        # Not adaptive pooling, which has no deterministic gradient on GPUs.
        self.pool = torch.mean if pool == "avg" else torch.amax
        width = stages[-1].channels
        layers: list[nn.Module] = []
        if hidden:
            layers += [nn.Dropout(dropout), nn.Linear(width, hidden), nn.ReLU(inplace=True)]
            width = hidden
        self.layers = nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(width, outputs))

    def forward(self, features: Features) -> Tensor:
        """Stride to (n, C, h, w) in, (n, outputs) out."""
        result: Tensor = self.layers(self.pool(features[self.stride], dim=(-2, -1)))
        return result

    def narrow(self, kept: Mapping[int, Tensor]) -> None:
        """See ``Head``."""
        first = next(layer for layer in self.layers if isinstance(layer, nn.Linear))
        narrow_inputs(first, kept[self.stride])
