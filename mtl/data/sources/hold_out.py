"""Splits by the names of the samples: the same ones on every machine, however many are added."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from mtl.data.sources.base import SPLITS, Split
from mtl.data.sources.folder_files import composed
from mtl.errors import UserError
from mtl.words import agreeing, counted

FEW = 10
"""Below so many samples each split gets its share by number, since a hash alone may miss by far."""


def hold_out(
    names: Sequence[str], fractions: Mapping[Split, float], seed: int
) -> tuple[list[Split], bool]:
    """Split samples by a hash of their names, so that adding some moves none of the others.

    Each fraction is met in expectation. Fewer than ``FEW`` samples are divided by number, in the
    order of their hashes. ``test`` takes the smallest hashes and ``val`` the largest, so that
    changing one fraction leaves the other split alone. No split stays empty as long as there are
    samples: the one whose hash is nearest goes to it; ``train`` comes first, then ``val``.

    Args:
        names: of the samples, as the user's files tell them: paths without ending.
        fractions: of ``val`` and ``test``, each above 0, together below 1.
        seed: of the hash.

    Returns:
        The split of each sample, and whether the hash alone decided: else adding samples may move
        some.
    """
    low, high = fractions.get("test", 0.0), 1 - fractions.get("val", 0.0)
    places = [position(name, seed) for name in names]
    ordered = sorted(range(len(names)), key=places.__getitem__)
    first = sum(place < low for place in places)
    last = sum(place >= high for place in places)
    if len(names) < FEW:
        shares = [round(len(names) * fractions.get(split, 0.0)) for split in ("test", "val")]
    else:
        shares = [first, last]
    # Each split that is asked for gets one at least, as far as they go.
    spare = len(names) - 1
    tested = min(max(shares[0], "test" in fractions), spare - ("val" in fractions)) if spare else 0
    validated = min(max(shares[1], "val" in fractions), spare - tested)
    splits: list[Split] = ["train"] * len(names)
    for row in ordered[:tested]:
        splits[row] = "test"
    for row in ordered[len(names) - validated :]:
        splits[row] = "val"
    return splits, not fractions or (len(names) >= FEW and (tested, validated) == (first, last))


def beside_test(
    train: Sequence[str], test: Sequence[str], fractions: Mapping[Split, float], seed: int
) -> dict[Split, list[str]]:
    """The names of each split where a published part is the test split.

    Args:
        train: names of which some may be held out.
        test: names of the published part.
        fractions: see ``hold_out``.
        seed: of the hash.

    Raises:
        UserError: there are fewer names than splits.
    """
    if fractions:
        check_enough(len(train), fractions)
    found: dict[Split, list[str]] = {"train": [], "val": [], "test": []}
    for name, split in zip(train, hold_out(train, fractions, seed)[0], strict=True):
        found[split].append(name)
    return {**found, "test": list(test)}


def check_enough(number: int, fractions: Iterable[Split]) -> None:
    """See that there is a sample for each split.

    Args:
        number: of the samples.
        fractions: the splits to be held out of them.

    Raises:
        UserError: there are fewer samples than splits.
    """
    keys = [f"data.{split}_fraction" for split in fractions]
    if number <= len(keys):
        images, them = counted(number, "image"), agreeing(len(keys), "it", "them")
        raise UserError(f"{' and '.join(keys)} would split {images}; set {them} to 0")


def held_out_notes(
    splits: Sequence[Split], fractions: Mapping[Split, float], may_move: str | None
) -> list[str]:
    """What was decided, a line for each split that was held out.

    Args:
        splits: of each sample.
        fractions: as given.
        may_move: which samples the hash alone did not place, ``""`` for all of them; None for none.
    """
    said = [
        f"{split} is {splits.count(split)} of {counted(len(splits), 'image')}, by a hash of their "
        f"names (data.{split}_fraction={fractions[split]:g})"
        for split in SPLITS
        if split in fractions
    ]
    if may_move is not None:
        said.append(
            f"with so few images{may_move} each split gets its share by number: adding some may "
            "move others"
        )
    return said


def position(name: str, seed: int) -> float:
    """A number in 0 to below 1 that depends on nothing but a name and the seed."""
    # Bytes of names that are not UTF-8 are kept as surrogates.
    text = f"{seed}/{composed(name)}".encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.sha256(text).digest()[:6], "big") / 2**48


def check_fractions(**fractions: float) -> None:
    """Check the ranges of options.

    Args:
        fractions: by split.

    Raises:
        UserError: one is below 0, or they are 1 or more together.
    """
    for split, fraction in fractions.items():
        if not 0 <= fraction < 1:
            raise UserError(f"data.{split}_fraction={fraction} must be at least 0 and below 1")
    if sum(fractions.values()) >= 1:
        keys = " + ".join(f"data.{split}_fraction" for split in fractions)
        raise UserError(f"{keys}={sum(fractions.values()):g} must be below 1")
