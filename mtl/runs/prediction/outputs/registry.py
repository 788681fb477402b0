"""The formats by name; one is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from mtl.config.nearest import listing, nearest
from mtl.errors import UserError

if TYPE_CHECKING:
    from mtl.runs.prediction.decider import Speaker
    from mtl.runs.prediction.outputs.base import Output

ROOM = "mtl.runs.prediction.outputs"
FORMATS = {
    "json": f"{ROOM}.json_file.JsonFile",
    "jsonl": f"{ROOM}.json_lines.JsonLines",
    "csv": f"{ROOM}.tables.Tables",
    "coco": f"{ROOM}.coco.Coco",
    "pictures": f"{ROOM}.pictures.Pictures",
}
USUAL = ("json", "pictures")


def check_formats(names: Sequence[str]) -> None:
    """See that there are such formats, at least one.

    Raises:
        UserError: lists those there are.
    """
    if not names:
        raise UserError(f"formats=[]: choose some of {listing(FORMATS)}")
    for name in names:
        if name not in FORMATS:
            hint = "".join(f"; did you mean {near}?" for near in nearest(name, FORMATS))
            raise UserError(f"formats: no format '{name}'{hint or '.'} There are: {listing(FORMATS)}")


def make_outputs(names: Sequence[str], folder: Path, tasks: Mapping[str, Speaker]) -> list[Output]:
    """The chosen formats.

    Args:
        names: see ``check_formats``.
        folder: where they write.
        tasks: who speaks for each.

    Raises:
        UserError: none of the tasks has anything to say in one of them.
    """
    made: list[Output] = []
    for name in dict.fromkeys(names):
        module, _, kind = FORMATS[name].rpartition(".")
        made.append(getattr(import_module(module), kind)(folder, tasks))
    return made
