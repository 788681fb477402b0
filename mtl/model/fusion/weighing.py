"""What fusions that weigh their streams have in common."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtl.model.backbone.base import Features, Stage
from mtl.model.fusion.base import Fusion
from mtl.model.views.base import Views


class Weighing(Fusion):
    """Keeps the mean weight of each stream for the log; see ``Fusion`` for the arguments."""

    def __init__(
        self,
        stages: Sequence[Stage],
        tasks: Sequence[str],
        views: Views,
        streams: Sequence[int],
        exchange: str,
    ) -> None:
        super().__init__(stages, tasks, views, streams, exchange)
        self.seen: list[Tensor] = []

    @property
    def symmetric(self) -> bool:
        """A stream's weight comes from what it shows, not from its number."""
        return True

    def remember(self, shares: Tensor) -> None:
        """Keep weights for ``gauges``.

        Args:
            shares: (S,), at least 0, with sum 1.
        """
        # A graph that is traced for export has no room for a side effect.
        if not torch.compiler.is_compiling():
            self.seen.append(shares.detach())

    def forward(self, features: dict[str, Features]) -> dict[str, Features]:
        """See ``Fusion``; forgets the weights of the last call."""
        self.seen = []
        return super().forward(features)

    def gauges(self) -> dict[str, Tensor]:
        """Mean weight of each stream in the last forward, and those of the tasks."""
        found = super().gauges()
        if self.seen:
            shares = torch.stack(self.seen).float().mean(0)
            names = [f"attention/{name}" for name in self.stream_names]
            found |= dict(zip(names, shares.unbind(), strict=True))
        return found
