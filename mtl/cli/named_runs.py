"""Runs as they are named on the command line: by their folders, or by a file in one."""

from collections.abc import Callable, Mapping
from pathlib import Path

from mtl.runs.collection.read import is_run

DEEPEST = 2
"""Folders above a file that are looked at: ``checkpoints/best.ckpt`` lies in the second."""


def items(given: str) -> list[str]:
    """What a list on the command line holds: ``[a, 'b']`` or ``a,b``."""
    parts = given.removeprefix("[").removesuffix("]").split(",")
    return [text for part in parts if (text := part.strip().strip("'\""))]


def run_folder(given: str) -> str:
    """The folder of the run that a file lies in (``results.json``, ``checkpoints/best.ckpt``).

    Args:
        given: as written behind ``run=``.

    Returns:
        What was given, where that is no file of a run.
    """
    path = Path(given).expanduser()
    above = path.parents[:DEEPEST] if path.is_file() else ()
    return next((str(folder) for folder in above if is_run(folder)), given)


def run_folders(given: str) -> str:
    """The same for each run of ``runs=``."""
    named = items(given)
    found = [run_folder(text) for text in named]
    return given if found == named else f"[{','.join(found)}]"


BY_KEY: Mapping[str, Callable[[str], str]] = {"run": run_folder, "runs": run_folders}
