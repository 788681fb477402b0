"""The network in two halves, before and behind the features that leave the encoder."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtl.learning.weighting.bases.task_gradients import Row
from mtl.model.backbone.base import Features


class FeatureLeaves:
    """Leaves that stand in for the features of one batch, so that gradients end at them.

    Tasks that share features go on sharing them.

    Args:
        features: what the encoder made, by task.
    """

    def __init__(self, features: dict[str, Features]) -> None:
        self.features: list[Tensor] = []
        self.leaves: list[Tensor] = []
        places: dict[int, Tensor] = {}
        dicts: dict[int, Features] = {}
        for found in features.values():
            for feature in found.values():
                if id(feature) not in places:
                    places[id(feature)] = feature.detach().requires_grad_()
                    self.features.append(feature)
                    self.leaves.append(places[id(feature)])
            if id(found) not in dicts:
                dicts[id(found)] = {stride: places[id(f)] for stride, f in found.items()}
        self.standing_in = {task: dicts[id(found)] for task, found in features.items()}

    def back(
        self, row: Row, parameters: Sequence[nn.Parameter], keep: bool = False
    ) -> list[Tensor | None]:
        """From a gradient at the leaves to that at parameters of the encoder or the views.

        Args:
            row: one tensor or None for each leaf.
            parameters: any.
            keep: whether there will be another call for this batch.
        """
        ends = [
            (feature, gradient)
            for feature, gradient in zip(self.features, row, strict=True)
            if gradient is not None and feature.requires_grad
        ]
        if not ends or not parameters:
            return [None] * len(parameters)
        outputs, gradients = zip(*ends, strict=True)
        return list(
            torch.autograd.grad(
                outputs, list(parameters), gradients, retain_graph=keep, allow_unused=True
            )
        )
