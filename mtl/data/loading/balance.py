"""Shares of an epoch by which rare classes come more often."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mtl.data.inspection.tally import Tally
from mtl.data.loading.shares import Rows, Shares
from mtl.data.sample import Target, understood
from mtl.data.sources.base import ArraySource, Source
from mtl.errors import BadFile, UserError

NOTHING = -1
"""The class of a sample that shows none."""


def balanced(
    source: Source, name: str, target: Target, power: float, among: Shares | None
) -> Shares:
    """Samples drawn by their rarest class (as in Gupta et al., 2019), by inverse frequency.

    A sample is drawn in proportion to n ** -power, n being the number of samples that show its
    rarest class: with 1 every class comes equally often where each sample shows one. Samples that
    lack the target or show no class keep the share that they have without this.

    Args:
        source: of the training samples.
        name: of the target.
        target: its classes.
        power: 0 or more; 0 changes nothing.
        among: groups whose shares stay, such as the sets of ``data=mixed``; None: all are one.

    Raises:
        UserError: the target has no classes, or no sample shows one.
    """
    if not target.classes:
        raise UserError(f"data.balance={name}: {target.kind} has no classes")
    shown = _classes(source, name, target)
    rarest, weights = _rarest(shown, len(target.classes), power)
    if (rarest == NOTHING).all():
        raise UserError(f"data.balance={name}: no training sample shows a class of it")
    size = len(source)
    outer = np.zeros(size, np.int64) if among is None else among.groups
    shares = [1.0] if among is None else among.shares
    pairs, groups, counts = np.unique(
        np.stack([outer, rarest], 1), axis=0, return_inverse=True, return_counts=True
    )
    wanted = np.zeros(len(pairs))
    for group, share in enumerate(shares):
        inside = pairs[:, 0] == group
        shows = inside & (pairs[:, 1] != NOTHING)
        pull = np.where(shows, counts * weights[pairs[:, 1]], 0.0)
        if shows.any():
            wanted[shows] = counts[shows].sum() * pull[shows] / pull.sum()
        rest = inside & ~shows
        wanted[rest] = counts[rest]
        wanted[inside] *= share / max(1, counts[inside].sum())
    return Shares(groups.reshape(-1), wanted.tolist())


def _rarest(shown: list[Rows], number: int, power: float) -> tuple[Rows, npt.NDArray[np.float64]]:
    """(N,) the rarest class of each sample, and (C,) the weight of each class."""
    counts = np.bincount(np.concatenate([*shown, np.zeros(0, np.int64)]), minlength=number)
    rarest = [classes[counts[classes].argmin()] if len(classes) else NOTHING for classes in shown]
    return np.array(rarest, np.int64), np.maximum(counts, 1.0) ** -power


def _classes(source: Source, name: str, target: Target) -> list[Rows]:
    """The classes that each sample shows, those of broken ones being none."""
    if isinstance(source, ArraySource):
        kind = target.kind
        column = source.targets[name]
        values = (kind.value_at(column, row) for row in range(len(source)))
        return [_shown(value, target) for value in values]
    return [_shown(_value(source, index, name, target), target) for index in range(len(source))]


def _value(source: Source, index: int, name: str, target: Target) -> object:
    try:
        found = understood(source.id(index), source.annotations(index), {name: target})
    except BadFile:
        return None
    return found.get(name)


def _shown(value: object, target: Target) -> Rows:
    tally = Tally(target)
    if value is not None:
        tally.add(value)
    return np.flatnonzero(tally.counts)
