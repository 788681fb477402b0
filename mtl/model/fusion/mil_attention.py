"""``fusion=mil_attention``."""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from mtl.model.backbone.base import Features, Stage
from mtl.model.fusion.base import LEAST
from mtl.model.fusion.weighing import Weighing
from mtl.model.narrow import narrow_inputs
from mtl.model.views.base import Views


class GatedAttention(nn.Module):
    """w · (tanh(V h) * sigmoid(U h)): a score of each instance; 0 before the first step.

    Args:
        channels: of an instance's vector h.
        hidden: rows of V and U.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.value = nn.Linear(channels, hidden)
        self.gate = nn.Linear(channels, hidden)
        self.score = nn.Linear(hidden, 1, bias=False)
        nn.init.zeros_(self.score.weight)

    def forward(self, vectors: Tensor) -> Tensor:
        """(..., C) to (...)."""
        gated = self.value(vectors).tanh() * self.gate(vectors).sigmoid()
        return cast(Tensor, self.score(gated).squeeze(-1))

    def narrow(self, kept: Tensor) -> None:
        """Read some channels of a vector only, (k,) int64."""
        narrow_inputs(self.value, kept)
        narrow_inputs(self.gate, kept)


class MilAttention(Weighing):
    """Gated attention over the instances of a bag (Ilse, Tomczak and Welling, 2018).

    The streams are an image's instances. Each gets one weight a_s, from the mean over its view of
    the coarsest features; the weights of an image have sum 1 and hold for all levels. With values
    v_s and coverages m_s the merged cell is S · Σ a_s v_s / Σ m_s: Σ a_s f_s where every view shows
    the cell, and over tiles that cover the image once a map whose mean is Σ a_s mean(f_s), the
    bag's vector of the paper. It starts as the plain mean.

    Args:
        stages: see ``Fusion``.
        tasks: likewise.
        views: likewise.
        streams: likewise.
        exchange: likewise.
        hidden: width of the attention's layers.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        tasks: Sequence[str],
        views: Views,
        streams: Sequence[int],
        exchange: str,
        hidden: int,
    ) -> None:
        super().__init__(stages, tasks, views, streams, exchange)
        # One stream has nothing to be weighed against.
        scored = self.stages[-1:] if len(streams) > 1 else ()
        self.scores = nn.ModuleList(GatedAttention(s.channels, hidden) for s in scored)
        self.weights: list[Tensor] = []

    @property
    def instance_weights(self) -> Tensor | None:
        """See ``Fusion``; the mean over the tasks where they have features of their own."""
        return torch.stack(self.weights).mean(0).T if self.weights else None

    def forward(self, features: dict[str, Features]) -> dict[str, Features]:
        """See ``Fusion``."""
        self.weights = []
        return super().forward(features)

    def narrow(self, kept: Mapping[int, Tensor]) -> None:
        """See ``Fusion``."""
        super().narrow(kept)
        coarsest = self.stages[-1].stride
        for score in self.scores:
            if coarsest in kept:
                cast(GatedAttention, score).narrow(kept[coarsest])

    def merge(self, features: Features) -> Features:
        """Weighted sum of the instances."""
        count = len(self.incoming)
        coarsest = features[self.stages[-1].stride]
        vectors = coarsest.mean((-2, -1)).reshape(count, -1, coarsest.shape[1])
        weights = self.scores[0](vectors).float().softmax(0)
        self.remember(weights.mean(1))
        if not torch.compiler.is_compiling():
            self.weights.append(weights.detach())
        merged: Features = {}
        for stride, maps in features.items():
            values, cover = self.back(maps)
            total = torch.einsum("sb,sbchw->bchw", weights.to(values.dtype), values)
            merged[stride] = count * total / cover.sum(0).clamp(min=LEAST)
        return merged
