"""``mtl ls``: the groups of the configuration and their members."""

from pathlib import Path

from mtl.cli.options import split_options
from mtl.cli.table import print_rows
from mtl.config.groups import choices, describe, groups, members
from mtl.config.nearest import unknown
from mtl.errors import UserError

HELP = """\
usage: mtl ls [GROUP ...] [--config-dir DIR]

Lists the groups, or the members of some; * marks what is chosen unless you ask otherwise."""


def run(arguments: list[str]) -> int:
    """Print the groups, or the members of those asked for.

    Args:
        arguments: names of groups and ``--config-dir``.

    Returns:
        0.

    Raises:
        UserError: no such group.
    """
    config_dir, names = split_options(arguments)
    there = groups(config_dir)
    for name in names:
        if name not in there:
            raise UserError(unknown("group", name, there))
    if not names:
        print_rows(group_rows(config_dir), right=[1])
    for name in names:
        if len(names) > 1:
            print(f"{name}:")
        print_rows(member_rows(name, config_dir))
    return 0


def group_rows(config_dir: Path | None) -> list[tuple[str, str, str]]:
    """Name, number of members, description."""
    known = choices()
    rows = []
    for group in groups(config_dir):
        count = len(members(group, config_dir))
        rows.append((group, str(count), known[group].description if group in known else ""))
    return rows


def member_rows(group: str, config_dir: Path | None) -> list[tuple[str, str]]:
    """Name, description; the default with a star."""
    default = choices()[group].default if group in choices() else None
    return [
        (f"{'*' if name == default else ' '} {name}", describe(file))
        for name, file in members(group, config_dir).items()
    ]
