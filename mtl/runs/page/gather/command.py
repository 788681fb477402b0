"""The command that made a run, from its app.log."""

import re
from pathlib import Path

LINE = re.compile(r"\[INFO\] (mtl train .*)")
MOST_BYTES = 20_000
"""It stands at the beginning."""


def read_command(folder: Path) -> str:
    """The last command that is named at the beginning of the log; empty where none is."""
    path = folder / "app.log"
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        found = LINE.findall(file.read(MOST_BYTES).decode(errors="replace"))
    return found[0] if found else ""
