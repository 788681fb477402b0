"""The description in an exported file, of which nobody knows who wrote it."""

import json
from pathlib import Path
from typing import Any, cast

from mtl.errors import BadFile
from mtl.files import read_json

KEY = "mtl_export"
"""Of the description in a file's own metadata, and of the version in the description."""
VERSION = 2
"""Raised when a file means something else than before."""


def described(path: Path) -> bool:
    """Whether a file is the description of an export, of whatever version."""
    try:
        return KEY in read_json(path)
    except BadFile:
        return False


def understood(text: str | bytes, path: Path) -> dict[str, Any]:
    """A description that somebody wrote into a file.

    Raises:
        BadFile: it is none, or of another version.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFile(path, f"its description can't be read ({error})") from error
    version = found.get(KEY) if isinstance(found, dict) else None
    if not isinstance(version, int) or not isinstance(found.get("tasks"), dict):
        raise BadFile(path, "is no file that mtl export wrote")
    if version != VERSION:
        raise BadFile(
            path,
            f"was written as version {version} of the format (mtl {found.get('mtl')}), and this "
            f"mtl reads version {VERSION}: export the run again",
        )
    return cast(dict[str, Any], found)
