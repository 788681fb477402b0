"""The first samples of a split."""

from collections.abc import Mapping
from pathlib import Path

from mtl.data.sample import Sample
from mtl.data.sources.base import ArraySource, Source
from mtl.data.sources.file_source import FileSource


class Limited(Source):
    """The first ``count`` samples of another source."""

    def __init__(self, source: Source, count: int) -> None:
        self.source = source
        self.count = min(count, len(source))

    def __len__(self) -> int:
        return self.count

    def read(self, index: int, size: int | None = None) -> Sample:
        """The other source's sample."""
        return self.source.read(index, size)

    def id(self, index: int) -> str:
        """The other source's id."""
        return self.source.id(index)

    def annotations(self, index: int) -> Mapping[str, object]:
        """The other source's annotations."""
        return self.source.annotations(index)


class LimitedFiles(Limited, FileSource):
    """The same of a source whose samples lie in files."""

    source: FileSource

    def files(self, index: int) -> list[Path]:
        """The other source's files."""
        return self.source.files(index)

    def key(self) -> str:
        """The other source's key."""
        return self.source.key()


def limited(source: Source, count: int | None) -> Source:
    """At most ``count`` samples; arrays stay arrays."""
    if count is None or count >= len(source):
        return source
    if isinstance(source, ArraySource):
        targets = {name: column[:count] for name, column in source.targets.items()}
        return ArraySource(source.images[:count], source.ids[:count], targets)
    return (LimitedFiles if isinstance(source, FileSource) else Limited)(source, count)
