"""Whether the samples of a split are labelled at all, and so that it can be meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from mtl.data.batch import Broken
from mtl.data.sample import Target, understood
from mtl.data.sources.base import ArraySource, Source
from mtl.errors import BadFile


def unlabelled(source: Source, names: Iterable[str]) -> tuple[list[str], list[Broken]]:
    """The targets among ``names`` that no sample of a split has, and the broken samples met.

    Samples are looked at in a spread order until each target was seen; broken ones don't count. A
    source that can't tell without reading images is taken to be labelled.

    Args:
        source: the split.
        names: of targets.
    """
    missing = dict.fromkeys(names)
    if isinstance(source, ArraySource):
        return [name for name in missing if not _any_value(source, name)], []
    if type(source).annotations is Source.annotations:
        return [], []
    broken = []
    for index in np.random.default_rng(0).permutation(len(source)).tolist():
        if not missing:
            break
        try:
            found = source.annotations(index)
        except BadFile as error:
            broken.append(Broken(source.id(index), str(error)))
            continue
        for name in found:
            missing.pop(name, None)
    return list(missing), broken


def doubts(source: Source, targets: Mapping[str, Target]) -> list[str]:
    """Look whether values can be meant as they are, such as masks that show no class.

    Args:
        source: the training split.
        targets: those that tasks learn from.

    Returns:
        What there is to say of them.

    Raises:
        UserError: nothing could be learned from them.
    """
    if isinstance(source, ArraySource) or type(source).annotations is Source.annotations:
        return []
    said = (t.kind.doubts(name, t, values_of(source, name, t)) for name, t in targets.items())
    return [line for line in said if line is not None]


def _any_value(source: ArraySource, name: str) -> bool:
    column = source.targets.get(name)
    return column is not None and bool(source.meaning[name].kind.has(column).any())


def values_of(source: Source, name: str, target: Target) -> Iterator[Any]:
    """A target's values in a spread order, without those of broken samples.

    Args:
        source: the split.
        name: of the target.
        target: what it means.
    """
    for index in np.random.default_rng(0).permutation(len(source)).tolist():
        with suppress(BadFile):
            found = understood(source.id(index), source.annotations(index), {name: target})
            yield from found.values()
