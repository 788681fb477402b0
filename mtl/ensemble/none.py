"""``ensemble=none``."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from mtl.data.batch import Labelled
from mtl.ensemble.base import Ensemble
from mtl.errors import UserError
from mtl.head.base import Head


class NoEnsemble(Ensemble):
    """Decisions stay as the heads made them.

    Raises:
        UserError: there are several streams, whose decisions something has to combine.
    """

    def __init__(self, streams: int, tasks: Sequence[str]) -> None:
        super().__init__(streams, tasks)
        if streams > 1:
            raise UserError(
                f"{streams} views or branches reach the heads and nothing combines them: choose "
                "fusion=mean (features) or ensemble=mean (decisions)"
            )

    def loss(self, task: str, head: Head, raw: Any, labels: Labelled) -> Tensor:
        """The head's."""
        return head.loss(raw, labels)

    def decide(self, task: str, head: Head, raw: Any) -> Any:
        """The head's."""
        return head.predict(raw)

    def combine(self, task: str, head: Head, decisions: Sequence[Any]) -> Any:
        """The only one."""
        (decision,) = decisions
        return decision
