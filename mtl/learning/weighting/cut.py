"""The network cut in two at the features that leave the encoder."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge

from mtl.learning.weighting.gradient import Row
from mtl.model.backbone.base import Features


class Cut:
    """Features of one batch: those that the encoder made, and the leaves that stand in for them."""

    def __init__(self) -> None:
        self.features: list[Tensor] = []
        self.leaves: list[Tensor] = []

    @contextmanager
    def watching(self, fusion: nn.Module) -> Iterator[None]:
        """Cut while the block runs, right before fusion.

        Tasks that share features go on sharing them.
        """

        def cut(_: nn.Module, arguments: tuple[Any, ...]) -> tuple[dict[str, Features]]:
            return (self._cut(arguments[0]),)

        handle = fusion.register_forward_pre_hook(cut)
        try:
            yield
        finally:
            handle.remove()

    def _cut(self, features: dict[str, Features]) -> dict[str, Features]:
        leaves: dict[int, Tensor] = {}
        dicts: dict[int, Features] = {}
        for found in features.values():
            for feature in found.values():
                if id(feature) not in leaves:
                    leaves[id(feature)] = feature.detach().requires_grad_()
                    self.features.append(feature)
                    self.leaves.append(leaves[id(feature)])
            if id(found) not in dicts:
                dicts[id(found)] = {s: leaves[id(f)] for s, f in found.items()}
        return {task: dicts[id(found)] for task, found in features.items()}

    def back(
        self,
        row: Row,
        places: Sequence[Tensor | GradientEdge],
        keep: bool = False,
        start: tuple[GradientEdge, Tensor] | None = None,
    ) -> list[Tensor | None]:
        """From a gradient at the leaves to that at places in front of them.

        Args:
            row: one tensor or None for each leaf, or only for the first of them.
            places: parameters of the encoder or the views, or outputs of layers.
            keep: whether there will be another call for this batch.
            start: another place to begin at, and the gradient there.
        """
        ends: list[tuple[Tensor | GradientEdge, Tensor]] = [
            (feature, gradient)
            for feature, gradient in zip(self.features, row, strict=False)
            if gradient is not None and feature.requires_grad
        ]
        ends += [start] if start is not None else []
        if not ends or not places:
            return [None] * len(places)
        outputs, gradients = zip(*ends, strict=True)
        return list(
            torch.autograd.grad(
                outputs,
                places,  # type: ignore[arg-type]
                gradients,
                retain_graph=keep,
                allow_unused=True,
            )
        )
