"""Which rows of a table train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mtl.data.sources.base import SPLITS, Split
from mtl.data.sources.hold_out import check_enough, held_out_notes, hold_out
from mtl.data.sources.table_cells import Array
from mtl.words import counted


@dataclass(frozen=True)
class Divided:
    """The splits of all rows.

    Args:
        codes: (n,) int8 of ``SPLITS``, -1 for none.
        notes: what was decided without being asked for.
    """

    codes: Array
    notes: list[str]


def divide(
    named: Sequence[str],
    codes: Array,
    groups: Sequence[str] | None,
    strata: Array | None,
    fractions: Mapping[Split, float],
    seed: int,
) -> Divided:
    """Hold out some of the training rows for the splits that no row is told to be of.

    Args:
        named: of the n rows, what is hashed of their images.
        codes: (n,) what the table says: of ``SPLITS``, -1 for none.
        groups: of the rows, such as a patient's, which are never divided; ``""`` for a row by
            itself.
        strata: (n,) numbers in each of which the fractions are held out, such as classes.
        fractions: of ``val`` and ``test``; 0 holds nothing out.
        seed: of the hash.

    Raises:
        UserError: there are fewer images, or groups, than splits.
    """
    asked: dict[Split, float] = {
        split: share
        for split, share in fractions.items()
        if share > 0 and not (codes == SPLITS.index(split)).any()
    }
    found = codes.copy()
    pool = np.flatnonzero(codes == SPLITS.index("train"))
    told = [f"{counted(int((codes < 0).sum()), 'row')} without a split not used"]
    notes = told if (codes < 0).any() else []
    if not asked:
        return Divided(found, notes)
    rows = pool.tolist()
    names = [named[row] for row in rows]
    if groups is not None:
        names = [groups[row] or name for row, name in zip(rows, names, strict=True)]
    check_enough(len(set(names)), asked)
    moving = False
    kinds = np.zeros(len(pool), np.int64) if strata is None else strata[pool]
    for kind in np.unique(kinds).tolist():
        own = np.flatnonzero(kinds == kind).tolist()
        units = list(dict.fromkeys(names[place] for place in own))
        splits, settled = hold_out(units, asked, seed)
        moving |= not settled
        number = {unit: SPLITS.index(split) for unit, split in zip(units, splits, strict=True)}
        found[pool[own]] = [number[names[place]] for place in own]
    said = held_out_notes([SPLITS[code] for code in found[pool]], asked, "" if moving else None)
    if groups is not None:
        said.append(f"none of the {counted(len(set(names)), 'group')} is in two splits")
    return Divided(found, notes + said)
