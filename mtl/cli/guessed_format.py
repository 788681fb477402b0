"""A folder of data whose format nobody named."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from mtl.cli.first_task import with_first_task
from mtl.cli.suggested import config_flag
from mtl.config.data_keys import LOADING_KEYS
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
    able = [first]
    for name in others:
        whole = [f"data={name}", *overrides]
        lack = _lack(whole, config_dir)
        told = f"but {lack}" if lack is not None else _typed(whole, config_dir)
        say(f"it looks like data={name}, too: {told}")
        able += [name] * (lack is None)
    joined = _joined(able, overrides)
    if len(able) > 1 and _lack(joined, config_dir) is None:
        say(f"labels of the same pictures come together by: {_typed(joined, config_dir)}")
    return [f"data={first}", *overrides]


def _joined(members: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """The same folder read by several data sets, whose labels are put together."""
    own = [o for o in overrides if key_of(o).startswith("data.") and not _for_all(key_of(o))]
    found = ["data=joined"]
    for name in members:
        found.append(f"data@data.sets.{name}={name}")
        found += [f"data.sets.{name}.{override.removeprefix('data.')}" for override in own]
    return [*found, *(override for override in overrides if override not in own)]


def _for_all(key: str) -> bool:
    return key.removeprefix("data.") in LOADING_KEYS


def _typed(overrides: Sequence[str], config_dir: Path | None) -> str:
    return shlex.join(["mtl", "inspect", *config_flag(config_dir), *overrides])


def _lack(overrides: Sequence[str], config_dir: Path | None) -> str | None:
    """What a command would say that has these overrides alone, if it could not begin."""
    from mtl.config.load import load
    from mtl.data.data_set import build_data_set

    try:
        build_data_set(load(with_first_task(overrides, config_dir), config_dir)).look()
    except UserError as error:
        return str(error)
    return None
