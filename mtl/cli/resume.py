"""What an interrupted command goes on with."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from mtl.config.overrides import in_quotes, key_of
from mtl.errors import Interrupted

FOLDER = "hydra.run.dir"


def how_to_resume(arguments: Sequence[str], stop: Interrupted) -> str:
    """The command that goes on with a run, as it is to be typed.

    Args:
        arguments: of the command that was interrupted.
        stop: of its run.
    """
    if not stop.resumable:
        return "no epoch was finished, so there is nothing to go on from"
    typed = [*map(shlex.quote, arguments)]
    if FOLDER not in [key_of(argument) for argument in arguments if "=" in argument]:
        typed.append(in_folder(stop.folder))
    return f"the run goes on with: mtl train {' '.join(typed)}"


def in_folder(folder: Path) -> str:
    """``hydra.run.dir=FOLDER``, relative where it lies below the current folder."""
    here = Path.cwd()
    shown = folder.relative_to(here) if folder.is_relative_to(here) else folder
    override = f"{FOLDER}={shown}"
    plain = all(c.isalnum() or c in "/_-.:+" for c in str(shown))
    return override if plain else in_quotes(override)
