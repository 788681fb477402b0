"""A folder of data whose format nobody named."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from mtl.config.overrides import key_of, parse

ROOT = "data.root"
NAMING = ("data", "experiment")
"""Keys that say what the data is."""


def with_format(overrides: Sequence[str]) -> list[str]:
    """The overrides, with a ``data=`` that reads the folder where only ``data.root=`` names one.

    What was guessed is said, and what else may read it.

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
        typed = shlex.join(["mtl", "inspect", f"data={name}", *overrides])
        say(f"it looks like data={name}, too: {typed}")
    return [f"data={first}", *overrides]
