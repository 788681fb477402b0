"""``encoder=nddr``."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from mtl.model.backbone.base import Backbone
from mtl.model.encoder.exchange import ExchangeEncoder, Mix
from mtl.model.views.base import Views


class Reduction(Mix):
    """All tasks' maps side by side, reduced by a 1x1 convolution with batch normalisation.

    Args:
        task: whose mixture this is.
        channels: of each map.
        shares: task to its weight at the start.
    """

    def __init__(self, task: str, channels: int, shares: Mapping[str, float]) -> None:
        super().__init__()
        self.position, self.tasks = list(shares).index(task), len(shares)
        self.conv = nn.Conv2d(len(shares) * channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        rows = torch.cat([share * torch.eye(channels) for share in shares.values()], 1)
        with torch.no_grad():
            self.conv.weight.copy_(rows[..., None, None])

    def forward(self, maps: Mapping[str, Tensor]) -> Tensor:
        """Task to (B, C, h, w), to (B, C, h, w)."""
        result: Tensor = self.norm(self.conv(torch.cat(list(maps.values()), 1)))
        return result

    def own_weight(self) -> Tensor:
        """Scalar: of each channel to itself, before the normalisation; NaN after pruning."""
        channels = self.conv.out_channels
        if self.conv.in_channels != self.tasks * channels:
            # The channels that are left are not the same in all maps.
            return self.conv.weight.new_tensor(torch.nan)
        own = self.conv.weight.flatten(1).narrow(1, self.position * channels, channels)
        return own.diagonal().mean()


class NDDR(ExchangeEncoder):
    """Neural discriminative dimensionality reduction (Gao et al., 2019).

    One backbone per task; behind each of the chosen stages every task's map becomes a 1x1
    convolution of all tasks' maps side by side, with batch normalisation. No activation follows,
    since the stages of many backbones end without one.

    Args:
        stages: names of the stages with such a layer behind them; None: every one.
        own: weight of each channel on itself at the start, 0..1; the same channel of the other
            tasks shares the rest equally, and all other weights are 0.

    Raises:
        UserError: the backbone has no such stage.
    """

    def __init__(
        self,
        make_backbone: Callable[[], Backbone],
        tasks: Sequence[str],
        views: Views,
        stages: Sequence[str] | None = None,
        own: float = 0.9,
    ) -> None:
        super().__init__(make_backbone, tasks, views, stages, own)

    def make_mix(self, task: str, channels: int, shares: Mapping[str, float]) -> Reduction:
        """One task's layer."""
        return Reduction(task, channels, shares)
