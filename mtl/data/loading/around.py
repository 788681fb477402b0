"""What stands between a loader and the training loop."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

from mtl.data.batch import Batch


class Around(ABC):
    """A loader that hands out another's batches in its own way, and is that one otherwise.

    Args:
        loader: of batches.
    """

    def __init__(self, loader: Iterable[Batch]) -> None:
        self.loader = loader

    def __len__(self) -> int:
        return len(self.loader)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Any:
        """What Lightning asks of a loader (its sampler, say)."""
        return getattr(self.__dict__["loader"], name)

    @abstractmethod
    def __iter__(self) -> Iterator[Batch]: ...
