"""``mtl cache``: what is kept on disk of decoded images, and clearing it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mtl.cli.options import split_options
from mtl.cli.own_keys import one_of, own_keys, place
from mtl.cli.table import print_rows
from mtl.errors import UserError
from mtl.words import counted

if TYPE_CHECKING:
    from mtl.data.loading.cache_store import Shard
    from mtl.data.sources.kept_arrays import KeptFile

HELP = """\
usage: mtl cache [data.cache_dir=outputs/cache] [data.index_dir=FOLDER] [clear=true]

Lists what data.cache=true keeps: of which images, preprocessed how, how many, in how many files of
which size, and when they were used last. Entries belong to images: a changed one gets a new entry,
and those used least recently go where data.cache_size would be exceeded. Many small files become
few as soon as no run reads them. Likewise what is kept of large tables and json files.

  data.cache_dir=   the folder of the caches (outputs/cache)
  data.index_dir=   that of what large files hold (index in it)
  clear=            true deletes them (false)"""
KEYS = ("data.cache_dir", "data.index_dir", "clear")
HEADER = ("images of", "as", "number", "files", "size", "used")
INDEX = "what the file holds"
OLDER = "written by an older version; not read any more"


def run(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: ``data.cache_dir=``, ``data.index_dir=`` and ``clear=``.

    Returns:
        0, also where there is no cache.

    Raises:
        UserError: an argument is wrong, or the folder is none.
    """
    _, rest = split_options(arguments)
    own, others = own_keys(rest, KEYS)
    if others:
        keys = "data.cache_dir=FOLDER, data.index_dir=FOLDER and clear=true"
        raise UserError(f"{others[0]}: mtl cache takes {keys}")
    clear = own.get("clear", "false")
    one_of("clear", clear, ("true", "false"))
    folder = place(own, "data.cache_dir", Path("outputs/cache"))
    index = place(own, "data.index_dir", folder / "index")
    for key, path in (("data.cache_dir", folder), ("data.index_dir", index)):
        if path.exists() and not path.is_dir():
            raise UserError(f"{key}={path} is no folder")

    from mtl.terminal import loading, say

    with loading():
        from mtl.data.loading.cache_store import Store
        from mtl.data.sources.kept_arrays import all_kept, forget_kept

    store, where = Store(folder), f"{folder}" if folder in index.parents else f"{folder}, {index}"
    if clear == "true":
        say(f"{in_words(store.clear() + forget_kept(index))} freed in {where}")
        return 0
    shards, kept, now = store.shards(), all_kept(index), time.time()
    if not shards and not kept:
        say(f"{where} holds no cache; data.cache=true makes one")
        return 0
    print_rows([*rows(shards, now), *file_rows(kept, now)], HEADER, right=[2, 3, 4])
    size = sum(shard.size for shard in shards) + sum(one.size for one in kept)
    say(f"{in_words(size)} in {where}; clear=true deletes it")
    return 0


def rows(shards: list[Shard], now: float) -> list[list[str]]:
    """A row for each kind of work on each folder of images, the last used first.

    Args:
        shards: of all caches.
        now: seconds since 1970.
    """
    works: dict[Path, list[Shard]] = {}
    for shard in shards:
        # An older version's has no folder of its kind around it.
        works.setdefault(shard.path.parent if shard.about else shard.path, []).append(shard)
    found = []
    for members in sorted(works.values(), key=lambda some: -max(one.used for one in some)):
        size = in_words(sum(shard.size for shard in members))
        files = f"{sum(shard.files for shard in members):,}"
        if members[0].about:
            images = os.path.commonpath([shard.about["folder"] for shard in members])
            number = str(sum(shard.about["samples"] for shard in members))
            used = ago(now - max(shard.used for shard in members))
            found.append([images, members[0].about["preprocess"], number, files, size, used])
        else:
            found.append(["", OLDER, "", files, size, ""])
    return found


def file_rows(kept: list[KeptFile], now: float) -> list[list[str]]:
    """A row for each large file of which something is kept.

    Args:
        kept: of all files.
        now: seconds since 1970.
    """
    return [
        [one.file, INDEX, "", f"{one.files}", in_words(one.size), ago(now - one.used)]
        for one in kept
    ]


def in_words(size: int) -> str:
    """``1.25 GB`` or ``3 MB``, begun ones counted whole."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{-(-size // 10**6)} MB"


def ago(seconds: float) -> str:
    """A duration in the largest unit that it has one of; ``now`` where the clock was set back."""
    for name, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        number = int(seconds // length)
        if number > 0:
            return f"{counted(number, name)} ago"
    return "now"
