"""Reading entries of the cache."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtl.data.loading.cache_build import BROKEN, IMAGES
from mtl.data.loading.cache_columns import Columns, mapped
from mtl.data.sample import Target, TargetValue
from mtl.errors import BadFile


class OpenShard:
    """A shard's files.

    Args:
        folder: of the files.
        targets: what samples can be labelled with.

    Raises:
        OSError: they are gone.
    """

    def __init__(self, folder: Path, targets: Mapping[str, Target]) -> None:
        self.images = mapped(folder / IMAGES)
        self._columns = Columns(folder, targets)
        self._broken: dict[str, Any] = json.loads((folder / BROKEN).read_text())

    def targets(self, row: int) -> dict[str, TargetValue]:
        """Of the sample in that row.

        Raises:
            BadFile: it could not be read when it was cached.
        """
        if str(row) in self._broken:
            raise BadFile(*self._broken[str(row)])
        return self._columns[row]
