"""A run's folder whose result is a file, told by the commands that take the network beside it."""

from pathlib import Path

from mtl.files import read_json
from mtl.runs.compression.saved import TABLE
from mtl.terminal import say


def tell_of_file(folder: Path, takes_it: str) -> None:
    """Say that the last step of ``mtl compress`` made a file, and the network is as it was before.

    Args:
        folder: of any run, perhaps a stranger's.
        takes_it: what takes the file, with ``{}`` for its path.

    Raises:
        BadFile: its table can't be read.
    """
    stands = read_json(folder / TABLE).get("stands")
    last = stands[-1] if isinstance(stands, list) and stands else None
    name = last.get("file") if isinstance(last, dict) else None
    if isinstance(name, str) and (folder / name).is_file():
        say(
            f"{folder / name} is what mtl compress made; what follows is of the network before "
            f"that ({takes_it.format(folder / name)})"
        )
