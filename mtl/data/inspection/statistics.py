"""Counting what the samples of a split are labelled with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from mtl.data.batch import Broken
from mtl.data.inspection.integrity import read_if_doubtful
from mtl.data.inspection.tally import Tally
from mtl.data.sample import Target, understood
from mtl.data.sources.base import ArraySource, Source, Split
from mtl.errors import BadFile

MOST_READ = 2000
"""Samples of a split that are looked at where looking means opening files."""


@dataclass
class SplitStatistics:
    """What a split holds.

    Args:
        split: its name.
        total: number of samples.
        looked_at: how many of them were counted or found broken.
        tallies: target name to counts.
        broken: samples that can't be read; they count for no target.
    """

    split: Split
    total: int
    looked_at: int
    tallies: Mapping[str, Tally]
    broken: list[Broken] = field(default_factory=list)


def looked_at(source: Source) -> list[int]:
    """All samples of a set in memory, else at most ``MOST_READ``, evenly spread over the split.

    The first ones would not do: many sets are sorted by class.
    """
    return evenly(len(source), len(source) if isinstance(source, ArraySource) else MOST_READ)


def evenly(total: int, most: int) -> list[int]:
    """At most ``most`` of the numbers below ``total``, evenly spread."""
    count = min(total, most)
    return [int(i) for i in np.arange(count) * total // max(1, count)]


def count(
    split: Split,
    source: Source,
    targets: Mapping[str, Target],
    indices: Iterable[int],
    opened: bool = True,
) -> SplitStatistics:
    """Count samples, without decoding images that look whole.

    Args:
        split: the split's name.
        source: its samples, in their original size.
        targets: what they can be labelled with.
        indices: which of them to look at.
        opened: whether to read images that don't look whole, to find the broken ones.
    """
    found = SplitStatistics(split, len(source), 0, {n: Tally(t) for n, t in targets.items()})
    for index in indices:
        found.looked_at += 1
        try:
            values = understood(source.id(index), source.annotations(index), targets)
            if opened:
                read_if_doubtful(source, index)
        except BadFile as error:
            found.broken.append(Broken(source.id(index), str(error)))
            continue
        for name, tally in found.tallies.items():
            if name in values:
                tally.add(values[name])
            else:
                tally.missing.append(source.id(index))
    return found
