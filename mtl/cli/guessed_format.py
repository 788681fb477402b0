"""A folder of data whose format nobody named."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from mtl.cli.suggested import config_flag
from mtl.config.overrides import key_of, parse
from mtl.errors import UserError

ROOT = "data.root"
NAMING = ("data", "experiment")
"""Keys that say what the data is."""


def with_format(overrides: Sequence[str], config_dir: Path | None = None) -> list[str]:
    """The overrides, with a ``data=`` that reads the folder where only ``data.root=`` names one.

    What was guessed is said, and what else may read it: the command, or what it lacks.

    Args:
        overrides: as they were typed.
        config_dir: a user's folder of further members.

    Raises:
        UserError: nothing recognises the folder.
    """
    keys = {key_of(override).lstrip("+") for override in overrides}
    if ROOT not in keys or keys & set(NAMING):
        return list(overrides)
    root = str(next(parse(o).value() for o in overrides if key_of(o) == ROOT))

    from mtl.data.sources.formats import formats_of
    from mtl.terminal import say

    first, *others = formats_of(Path(root).expanduser())
    say(f"{root} looks like data={first}")
    for name in others:
        whole = [f"data={name}", *overrides]
        lack = _lack(whole, config_dir)
        typed = shlex.join(["mtl", "inspect", *config_flag(config_dir), *whole])
        say(f"it looks like data={name}, too: {typed if lack is None else f'but {lack}'}")
    return [f"data={first}", *overrides]


def _lack(overrides: Sequence[str], config_dir: Path | None) -> str | None:
    """What a command would say that has these overrides alone, if it could not begin."""
    from mtl.config.load import load
    from mtl.data.data_set import build_data_set

    try:
        build_data_set(load(overrides, config_dir)).look()
    except UserError as error:
        return str(error)
    return None
