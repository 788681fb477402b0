"""``encoder=cross_stitch``."""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from mtl.model.backbone.base import Backbone
from mtl.model.encoder.exchange import ExchangeEncoder, Mix
from mtl.model.views.base import Views


class Stitch(Mix):
    """A weighted sum of the tasks' maps.

    Args:
        task: whose mixture this is.
        channels: of each map.
        shares: task to its weight at the start.
        per_channel: one weight for each channel, instead of one for the map.
    """

    def __init__(
        self, task: str, channels: int, shares: Mapping[str, float], per_channel: bool
    ) -> None:
        super().__init__()
        self.task = task
        size = channels if per_channel else 1
        # Vectors, not a matrix: weight decay, which spares vectors, would pull it to nothing.
        self.weights = nn.ParameterDict(
            {name: torch.full((size,), share) for name, share in shares.items()}
        )

    def forward(self, maps: Mapping[str, Tensor]) -> Tensor:
        """Task to (B, C, h, w), to (B, C, h, w)."""
        terms = [self.weights[n].to(m.dtype).view(-1, 1, 1) * m for n, m in maps.items()]
        return cast(Tensor, sum(terms[1:], terms[0]))

    def own_weight(self) -> Tensor:
        """Scalar."""
        return cast(Tensor, self.weights[self.task].mean())


class CrossStitch(ExchangeEncoder):
    """Cross-stitch networks (Misra et al., 2016).

    One backbone per task; behind each of the chosen stages every task's map becomes a learned
    linear combination of all tasks' maps, which the task's next stage and heads go on with.

    Args:
        stages: names of the stages with a cross-stitch unit behind them; None: every one.
        own: weight on the task's own map at the start, 0..1; the others share the rest equally.
        per_channel: one weight per channel, as in the paper, instead of one per map.

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
        per_channel: bool = True,
    ) -> None:
        self.per_channel = per_channel
        super().__init__(make_backbone, tasks, views, stages, own)

    def make_mix(self, task: str, channels: int, shares: Mapping[str, float]) -> Stitch:
        """A cross-stitch unit's row."""
        return Stitch(task, channels, shares, self.per_channel)
