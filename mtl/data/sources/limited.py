"""Some samples of a split, the same ones in every run."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np

from mtl.data.sample import Sample
from mtl.data.sources.base import ArraySource, Source
from mtl.data.sources.file_source import FileSource


class Limited(Source):
    """Some samples of another source.

    Args:
        source: the other one.
        rows: which of its samples, in their order here.
    """

    def __init__(self, source: Source, rows: Sequence[int]) -> None:
        self.source = source
        self.rows = list(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, index: int, size: int | None = None) -> Sample:
        """The other source's sample."""
        return self.source.read(self.rows[index], size)

    def id(self, index: int) -> str:
        """The other source's id."""
        return self.source.id(self.rows[index])

    def annotations(self, index: int) -> Mapping[str, object]:
        """The other source's annotations."""
        return self.source.annotations(self.rows[index])


class LimitedFiles(Limited, FileSource):
    """The same of a source whose samples lie in files."""

    source: FileSource

    def files(self, index: int) -> list[Path]:
        """The other source's files."""
        return self.source.files(self.rows[index])

    def key(self) -> str:
        """The other source's key."""
        return self.source.key()


def limited(source: Source, count: int | None) -> Source:
    """At most ``count`` samples, a fixed choice (see ``chosen``); arrays stay arrays."""
    if count is None or count >= len(source):
        return source
    rows = chosen(len(source), count, source.strata())
    if isinstance(source, ArraySource):
        return source.some(rows)
    return (LimitedFiles if isinstance(source, FileSource) else Limited)(source, rows)


def chosen(total: int, count: int, strata: Sequence[Hashable] | None) -> list[int]:
    """A pseudo-random choice of samples that never changes, in their order.

    A larger count chooses the same and more. With strata each of them is there once before any is
    there twice; beyond that each gets its share.

    Args:
        total: number of samples.
        count: of those to choose, at most ``total``.
        strata: a value per sample, mostly its label.
    """
    order = np.random.default_rng(0).permutation(total).tolist()
    if strata is None:
        return sorted(order[:count])
    sizes, seen = Counter(strata), Counter[Hashable]()
    place: dict[int, float] = {}
    for row in order:
        stratum = strata[row]
        place[row] = seen[stratum] / sizes[stratum]
        seen[stratum] += 1
    # Sorting is stable, so ties stay in the order of the permutation.
    return sorted(sorted(order, key=place.__getitem__)[:count])
