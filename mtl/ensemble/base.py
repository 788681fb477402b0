"""What a choice of ``ensemble=`` has to be."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from mtl.data.batch import Labelled
from mtl.head.base import Head


class Ensemble(nn.Module, ABC):
    """Combines the decisions of views, branches, turned copies or models.

    Raw outputs come stacked: those of S streams over the same n samples, stream by stream.

    Args:
        streams: S, how many there are; 1 where fusion has merged them.
        tasks: names of the tasks, in order.
    """

    def __init__(self, streams: int, tasks: Sequence[str]) -> None:
        super().__init__()
        self.streams = streams
        self.tasks = tuple(tasks)

    @abstractmethod
    def loss(self, task: str, head: Head, raw: Any, labels: Labelled) -> Tensor:
        """Scalar loss of a task.

        Args:
            task: its name.
            head: its head.
            raw: output of the head for S·n samples.
            labels: of the n samples.
        """

    @abstractmethod
    def decide(self, task: str, head: Head, raw: Any) -> Any:
        """Raw output for S·n samples to n decisions, as ``Head.predict`` makes them."""

    @abstractmethod
    def combine(self, task: str, head: Head, decisions: Sequence[Any]) -> Any:
        """Decisions of several models, or on several copies, on the same n samples to one."""

    def gauges(self) -> dict[str, Tensor]:
        """Scalars worth a curve in the log, by name."""
        return {}
