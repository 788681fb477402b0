"""``ensemble=learned``."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mtl.data.batch import Labelled
from mtl.errors import UserError
from mtl.model.ensemble.base import Ensemble
from mtl.model.ensemble.streams import split, together
from mtl.model.head.base import Head


class Learned(Ensemble):
    """Per task a weight for each stream, learned with the network (stacking; Wolpert, 1992).

    The weights are the softmax of one number per task and stream and make a convex combination of
    the raw outputs. They start equal. A task's loss is the mean of the streams' own losses plus the
    loss of the combination, in which the outputs are taken as given: the second part moves nothing
    but the weights, and the networks learn as they would under ``mean``.

    Args:
        streams: see Ensemble; at least 2.
        tasks: see Ensemble.
        tta: see Ensemble; copies count alike.

    Raises:
        UserError: there is a single stream.
    """

    over_models: ClassVar[bool] = False

    def __init__(self, streams: int, tasks: Sequence[str], tta: Sequence[float | str] = ()) -> None:
        super().__init__(streams, tasks, tta)
        if streams < 2:
            raise UserError(
                "ensemble=learned: a single view or branch reaches the heads and there is nothing "
                "to weigh; choose ensemble=none, or several views with fusion=none"
            )
        self.logits = nn.ParameterDict({task: torch.zeros(streams) for task in tasks})

    def weights(self, task: str) -> Tensor:
        """(S,) float with sum 1, with gradient."""
        weights: Tensor = self.logits[task].softmax(0)
        return weights

    def loss(self, task: str, head: Head, raw: Any, labels: Labelled) -> Tensor:
        """Mean of the streams' losses plus the loss of the combination."""
        given = together([raw], lambda tensors: tensors[0].detach())
        combined = self.merged(task, head, given)
        return super().loss(task, head, raw, labels) + head.loss(combined, labels)

    def decide(self, task: str, head: Head, raw: Any) -> Any:
        """What the head makes of the combination."""
        return head.predict(self.merged(task, head, raw))

    def merged(self, task: str, head: Head, raw: Any) -> Any:
        """The combination, with gradient in weights and outputs."""
        weights = self.weights(task).unbind()

        def mix(tensors: Sequence[Tensor]) -> Tensor:
            pairs = zip(weights, tensors, strict=True)
            return torch.stack([weight * tensor for weight, tensor in pairs]).sum(0)

        return together(split(raw, self.streams), mix)

    def gauges(self) -> dict[str, Tensor]:
        """Each stream's weight, as ``<task>/<stream>``."""
        return {
            f"{task}/{stream}": weight
            for task in self.tasks
            for stream, weight in enumerate(self.weights(task).detach().unbind())
        }
