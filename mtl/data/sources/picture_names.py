"""What a picture is called where a hash of names decides, whichever data set reads its file."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from mtl.config.columns import IMAGE
from mtl.data.sources.folder_roles import role_of_name

SplitBy = Literal["path", "name"]
"""What is hashed: the picture's path, or what its set calls it, as before sets agreed."""


def picture_names(files: Iterable[str | Path], root: Path) -> list[str]:
    """The paths of pictures below a root, without ending and without the folder of all pictures.

    ``images/a.jpg`` is ``a``, as it is where the root is that folder itself; ``shelf/a.jpg`` is
    ``shelf/a``. What lies beside the root goes by the way to it.

    Args:
        files: of the pictures.
        root: of the data.
    """
    above = f"{root}{os.sep}"
    return [_name(os.fspath(file), above) for file in files]


def _name(file: str, above: str) -> str:
    path = file.removeprefix(above)
    # Calling the library for each of a million rows would take half a minute.
    if len(path) == len(file) or "./" in path or "//" in path:
        path = os.path.relpath(file, above)
        while path.startswith(f"..{os.sep}"):
            path = path[3:]
    path = posixpath.splitext(path.replace(os.sep, "/"))[0]
    first, _, rest = path.partition("/")
    return rest if rest and role_of_name(first) == IMAGE else path
