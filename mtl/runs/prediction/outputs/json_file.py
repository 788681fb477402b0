"""``formats=[json]``: all entries in one file."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from mtl.files import whole_text
from mtl.runs.prediction.journal import Journal, as_json
from mtl.runs.prediction.outputs.base import Output

FILE = "predictions.json"


class JsonFile(Output):
    """``predictions.json``: the run, its tasks, ``images``, ``videos`` and ``skipped``."""

    def finish(self, journal: Journal, about: Mapping[str, Any]) -> list[str]:
        """Line by line as the journal has them: all of them may be more than the memory holds."""
        videos: list[str] = []
        skipped: list[str] = []

        def images() -> Iterator[str]:
            for entry, line in journal.lines():
                if "width" in entry:
                    yield line
                elif "frames" in entry:
                    videos.append(line)
                elif "skipped" in entry:
                    skipped.append(as_json({"file": entry["file"], "reason": entry["skipped"]}))

        with whole_text(self.folder / FILE) as file:
            file.write("{\n")
            for key, value in about.items():
                file.write(f"{as_json(key)}: {as_json(value)},\n")
            _write_list(file, "images", images())
            file.write(",\n")
            _write_list(file, "videos", videos)
            file.write(",\n")
            _write_list(file, "skipped", skipped)
            file.write("\n}\n")
        return [FILE]


def _write_list(file: TextIO, key: str, lines: Iterable[str]) -> None:
    file.write(f"{json.dumps(key)}: [")
    for number, line in enumerate(lines):
        file.write(f"{',' if number else ''}\n{line}")
    file.write("]")
