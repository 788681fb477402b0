"""What an entry of the cache is known by: its files as they are, and what was made of them."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from mtl.data.preprocess.base import Preprocess
from mtl.data.sample import Target
from mtl.data.sources.base import Source
from mtl.data.sources.file_source import FileSource

FORMAT = 6
"""Raised when files are decoded or entries written otherwise."""
KEY_BYTES = 16


def work_key(source: FileSource, targets: Mapping[str, Target], preprocess: Preprocess) -> str:
    """A name for what is made of files, whichever files they are.

    Raises:
        UserError: the preprocessing can't be told from others.
    """
    kinds = {name: target.kind.name for name, target in sorted(targets.items())}
    return _digest([FORMAT, _module(source), source.key(), kinds, preprocess.key()]).hex()


def sample_key(source: FileSource, index: int) -> bytes:
    """A name for a sample: paths, sizes and times of change of its files."""
    files = source.files(index)
    name = source.id(index)
    # Of several samples in one file the id tells which; a path may be written in several ways.
    which = "" if files and name == str(files[0]) else name
    return _digest([which, *([str(path.absolute()), *_stat(path)] for path in files)])


def _module(source: Source) -> str:
    """Of the class that reads: two of one name may do different things."""
    inner = getattr(source, "source", None)
    return _module(inner) if isinstance(inner, Source) else type(source).__module__


def _stat(path: Path) -> list[int]:
    try:
        found = path.stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns]


def _digest(value: object) -> bytes:
    # Bytes of names that are not UTF-8 are surrogates, which JSON writes as escapes.
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=KEY_BYTES).digest()
