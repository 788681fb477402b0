"""``formats=[json]``: all entries in one file."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

from mtl.files import whole_text
from mtl.runs.prediction.journal import JsonLine, Journal, as_json
from mtl.runs.prediction.outputs.base import Output

FILE = "predictions.json"


class JsonFile(Output):
    """``predictions.json``: the run, its tasks, ``images``, ``videos`` and ``skipped``."""

    def finish(self, journal: Journal, about: Mapping[str, Any]) -> list[str]:
        """Entry by entry: all of them may be more than the memory holds."""
        with whole_text(self.folder / FILE) as file:
            file.write("{\n")
            for key, value in about.items():
                file.write(f"{as_json(key)}: {as_json(value)},\n")
            _write_list(file, "images", (e for e in journal.entries() if "width" in e))
            file.write(",\n")
            videos = (e for e in journal.entries() if "frames" in e)
            _write_list(file, "videos", videos)
            file.write(",\n")
            skipped = (e for e in journal.entries() if "skipped" in e)
            _write_list(
                file, "skipped", ({"file": e["file"], "reason": e["skipped"]} for e in skipped)
            )
            file.write("\n}\n")
        return [FILE]


def _write_list(file: TextIO, key: str, entries: Iterable[JsonLine]) -> None:
    file.write(f"{json.dumps(key)}: [")
    for number, entry in enumerate(entries):
        file.write(f"{',' if number else ''}\n{as_json(entry)}")
    file.write("]")
