"""``ensemble=parts``."""

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor

from mtl.data.batch import Labelled
from mtl.errors import UserError
from mtl.model.ensemble.base import Ensemble
from mtl.model.ensemble.streams import split
from mtl.model.head.base import Head
from mtl.words import counted


class Parts(Ensemble):
    """Each stream answers its own share of every task's outputs, and loss and decision see all.

    So a task falls into sub-problems (some of the classes, some of a box's sides), each with its
    own network, whose outputs are put together; the shares are as equal as can be, in the order of
    the outputs.

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
                "ensemble=parts: a single view or branch reaches the heads and there is nothing to "
                "put together; choose encoder=branches with fusion=none"
            )

    def check(self, task: str, head: Head) -> None:
        """See that no stream would be without a share.

        Raises:
            UserError: there are fewer outputs than streams.
        """
        if head.output_count < self.streams:
            outputs = counted(head.output_count, "output")
            raise UserError(
                f"ensemble=parts: task {task} has {outputs}, too few for "
                f"{self.streams} streams; at most {head.output_count} can share them"
            )

    def loss(self, task: str, head: Head, raw: Any, labels: Labelled) -> Tensor:
        """The head's, of the outputs put together."""
        return head.loss(self.merged(task, head, raw), labels)

    def decide(self, task: str, head: Head, raw: Any) -> Any:
        """The head's, of the outputs put together."""
        return head.predict(self.merged(task, head, raw))

    def merged(self, task: str, head: Head, raw: Any) -> Any:
        """All shares of the outputs in one."""
        return head.put_together(split(raw, self.streams))
