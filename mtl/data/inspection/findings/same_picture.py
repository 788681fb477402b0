"""A picture that is there twice, or on both sides of a split."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import combinations
from pathlib import Path
from typing import TypeVar

from mtl.data.inspection.looked import Looked
from mtl.data.inspection.statistics import evenly
from mtl.data.sources.base import ArraySource, Split
from mtl.data.sources.file_source import FileSource

MOST = 20_000
"""Samples of a split that are compared."""
ENDS = 4096
"""Bytes at either end of files of one size that are compared before the whole is read."""
Item = TypeVar("Item")
Place = tuple[Split, str]
"""A split and a sample's id."""


def find(looked: Looked) -> Iterator[str]:
    """One line for each split with a picture twice, and for each pair of splits that share one."""
    files: list[tuple[Path, Place]] = []
    groups: dict[Hashable, list[Place]] = defaultdict(list)
    left_out = 0
    for split, source in looked.sources.items():
        rows = evenly(len(source), MOST)
        left_out += len(source) - len(rows)
        if isinstance(source, ArraySource):
            for row in rows:
                groups[_digest(source.images[row].tobytes())].append((split, source.id(row)))
        elif isinstance(source, FileSource):
            files += [(source.files(row)[0], (split, source.id(row))) for row in rows]
    for number, group in enumerate(_equal_files(files)):
        groups[number] = [place for _, place in group]
    twice = [group for group in groups.values() if len(group) > 1]
    yield from _lines(twice, list(looked.sources))
    if left_out:
        yield (
            f"equal pictures were looked for without {left_out} of the samples: there are too many"
        )


def _lines(groups: list[list[Place]], splits: list[Split]) -> Iterator[str]:
    for split in splits:
        inside = [ids for g in groups if len(ids := [name for s, name in g if s == split]) > 1]
        if inside:
            yield (
                f"the same picture twice in {split}: {inside[0][0]} and {inside[0][1]}"
                f"{_more(len(inside))}; leave one of each"
            )
    for one, other in combinations(splits, 2):
        across = [
            first for group in groups if (first := dict(reversed(group))).keys() >= {one, other}
        ]
        if across:
            yield (
                f"the same picture in {one} and in {other}: {across[0][one]} and "
                f"{across[0][other]}{_more(len(across))}; what is measured on it was learnt by "
                "heart: leave it in one of them"
            )


def _more(number: int) -> str:
    return f" ({number} such pictures)" if number > 1 else ""


def _equal_files(files: list[tuple[Path, Place]]) -> Iterator[list[tuple[Path, Place]]]:
    """Groups of files with equal content; only what size and both ends leave open is read."""
    for same_size in _alike(files, lambda item: _size(item[0])):
        for same_ends in _alike(same_size, lambda item: _ends(item[0])):
            yield from _alike(same_ends, lambda item: _whole(item[0]))


def _alike(items: Iterable[Item], key: Callable[[Item], Hashable | None]) -> Iterator[list[Item]]:
    """Groups of two or more items of one key; those without a key are alone."""
    groups: dict[Hashable, list[Item]] = defaultdict(list)
    for item in items:
        found = key(item)
        if found is not None:
            groups[found].append(item)
    return (group for group in groups.values() if len(group) > 1)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size or None
    except OSError:
        return None


def _ends(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            first = file.read(ENDS)
            file.seek(max(0, path.stat().st_size - ENDS))
            return _digest(first + file.read())
    except OSError:
        return None


def _whole(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").digest()
    except OSError:
        return None


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()
