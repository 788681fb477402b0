"""Refinement from coarse to fine, which makes levels of a vision transformer's single map."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from mtl.model.backbone.base import Features, Stage, laid_out_as
from mtl.model.head.pyramid_decoder import group_norm, upsample
from mtl.model.narrow import narrow_inputs

SCALES = (4, 2, 1, 0.5)
"""Of the levels that a single map becomes; 4, 8, 16 and 32 pixels a cell where it has 16."""


class DptDecoder(nn.Module):
    """Levels brought to one width and added up from coarse to fine, refined at each step.

    Ranftl et al., Vision transformers for dense prediction, 2021, whose fusion is that of RefineNet
    (Lin et al., 2017). Features of one stride, as a vision transformer's are, become four levels
    first (its reassembling); features of several strides are levels as they are. ``channels`` is
    256 there.

    It differs from the paper where that would not turn with the picture or would need large
    batches: levels are resized by interpolation and means and not by strided and transposed
    convolutions, and norms go by groups. Each level reads the outputs of all of the transformer's
    blocks that there are (``backbone.depths``), not of one.

    Args:
        stages: the features to use, from fine to coarse.
        channels: of the decoder.
        outputs: how many maps.
    """

    def __init__(self, stages: Sequence[Stage], channels: int, outputs: int) -> None:
        super().__init__()
        self.strides = tuple(stage.stride for stage in stages)
        self.scales = SCALES if len(stages) == 1 else (1,) * len(stages)
        levels = list(stages) * (len(self.scales) // len(stages))
        # Resized behind a 1x1 convolution: there are fewer channels than before it.
        self.project = nn.ModuleList(nn.Conv2d(s.channels, channels, 1) for s in levels)
        self.smooth = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in levels
        )
        self.skip = nn.ModuleList(Residual(channels) for _ in levels[1:])
        self.refine = nn.ModuleList(Residual(channels) for _ in levels)
        self.classify = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            group_norm(channels),
            nn.ReLU(),
            nn.Conv2d(channels, outputs, 1),
        )

    def forward(self, features: Features) -> Tensor:
        """Stride to (n, C, h, w) in, (n, outputs, h', w') of the finest level out."""
        levels = self._levels(features)
        total = self.refine[-1](levels[-1])
        for place in reversed(range(len(levels) - 1)):
            skipped = self.skip[place](levels[place])
            total = self.refine[place](skipped + upsample(total, skipped.shape[-2:]))
        maps: Tensor = self.classify(total)
        return maps

    def _levels(self, features: Features) -> list[Tensor]:
        """(n, channels, h, w) of each level, from fine to coarse."""
        found: list[Tensor] = []
        for place, scale in enumerate(self.scales):
            maps = self.project[place](features[self.strides[place % len(self.strides)]])
            if scale > 1:
                larger = [int(side * scale) for side in maps.shape[-2:]]
                maps = laid_out_as(upsample(maps, larger), maps)
            elif scale < 1:
                maps = F.avg_pool2d(maps, 2, ceil_mode=True)
            found.append(self.smooth[place](maps))
        return found

    def narrow(self, kept: Mapping[int, Tensor]) -> None:
        """See ``Head``."""
        for place, layer in enumerate(self.project):
            narrow_inputs(layer, kept[self.strides[place % len(self.strides)]])


class Residual(nn.Module):
    """Two 3x3 convolutions behind rectifiers, added to what they refine.

    Args:
        channels: of its maps.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            group_norm(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            group_norm(channels),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """(n, C, h, w) to the same."""
        refined: Tensor = maps + self.layers(maps)
        return refined
