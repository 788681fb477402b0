"""``ensemble=vote``."""

from collections.abc import Sequence
from typing import Any

from mtl.errors import UserError
from mtl.model.ensemble.base import Ensemble
from mtl.model.head.base import Head


class Vote(Ensemble):
    """The majority decides; see ``Head.vote`` of each head for what a vote is there.

    Each stream learns by itself. Streams vote first, then copies.

    Args:
        streams: see Ensemble.
        tasks: see Ensemble.
        tta: see Ensemble.

    Raises:
        UserError: there is a single stream and no two copies.
    """

    def __init__(self, streams: int, tasks: Sequence[str], tta: Sequence[float | str] = ()) -> None:
        super().__init__(streams, tasks, tta)
        if max(streams, len(self.copies)) < 2:
            raise UserError(
                "ensemble=vote: a vote needs at least 2 decisions, from views or branches, "
                "ensemble.tta=[...], or mtl eval runs=[...]"
            )

    def combine(self, task: str, head: Head, decisions: Sequence[Any]) -> Any:
        """What most of them say."""
        return head.vote(decisions)

    def combine_copies(self, task: str, head: Head, decisions: Sequence[Any]) -> Any:
        """What is said on most of them."""
        return head.vote(decisions)
