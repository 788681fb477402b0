"""Splits whose samples come from files, so that decoded copies of them can go stale."""

from abc import abstractmethod
from pathlib import Path

from mtl.data.sources.base import Source


class FileSource(Source):
    """A source that can say what its samples are made of."""

    @abstractmethod
    def files(self, index: int) -> list[Path]:
        """Every file that the sample is read from, missing ones included."""

    @abstractmethod
    def key(self) -> str:
        """A text that differs whenever the same files would give other targets."""
