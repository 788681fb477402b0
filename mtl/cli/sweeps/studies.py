"""``study=NAME``: values to sweep over that a file of ``conf/study`` lists."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mtl.cli.sweeps.overrides import task_part
from mtl.config.groups import groups, members, need_member
from mtl.config.load import load
from mtl.config.nearest import in_words
from mtl.config.overrides import key_of, parse_all
from mtl.config.yaml_loader import read_yaml
from mtl.errors import UserError

KEY = "study"
ALL = "all"
TASKS = "alone_and_together"


def with_studies(overrides: Sequence[str], config_dir: Path | None) -> list[str]:
    """Put a study's values in its place; what is typed beside it holds instead.

    Args:
        overrides: ``study=NAME``, or several as ``study=A,B``, and others.
        config_dir: a user's folder of further studies.

    Returns:
        The overrides, and ``name=`` where none is given.

    Raises:
        UserError: no such study, or its file can't be understood.
    """
    names = [n for o in overrides if key_of(o) == KEY for n in o.partition("=")[2].split(",")]
    rest = [o for o in overrides if key_of(o) != KEY]
    if not names:
        return rest
    typed = {key_of(override).lstrip("+") for override in rest}
    found: dict[str, str] = {}
    for name in names:
        need_member(KEY, name, config_dir)
        file = members(KEY, config_dir)[name]
        values = read_yaml(file)
        if not isinstance(values, dict):
            raise UserError(f"{file}: must map keys to the values to sweep over")
        for key, value in values.items():
            if key not in typed:
                found[str(key)] = _swept(str(key), value, rest, config_dir)
    own = [] if "name" in typed else [f"name={'_'.join(names)}"]
    return [*rest, *(f"{key}={text}" for key, text in found.items()), *own]


def _swept(key: str, value: Any, rest: Sequence[str], config_dir: Path | None) -> str:
    """The values of a key as they would be typed."""
    if value == ALL and key in groups(config_dir):
        value = list(members(key, config_dir))
    if value == TASKS:
        return _tasks(rest, config_dir)
    items = value if isinstance(value, list) else [value]
    return ",".join(in_words(item) for item in items)


def _tasks(rest: Sequence[str], config_dir: Path | None) -> str:
    """Each task in a list of its own, and all of them in one."""
    typed = task_part(rest)
    parsed = parse_all(typed)
    same = [o for o, p in zip(typed, parsed, strict=True) if not p.is_sweep_override()]
    tasks = [str(task) for task in load(same, config_dir, needs_data=False).tasks]
    together = [] if len(tasks) == 1 else [f"[{','.join(tasks)}]"]
    return ",".join([*(f"[{task}]" for task in tasks), *together])
