"""``formats=[jsonl]``: the journal, one line for each picture."""

from collections.abc import Mapping
from typing import Any

from mtl.runs.prediction.journal import Journal
from mtl.runs.prediction.outputs.base import Output


class JsonLines(Output):
    """Nothing more than what is always written."""

    def finish(self, journal: Journal, about: Mapping[str, Any]) -> list[str]:
        """It is there already."""
        return [journal.path.name]
