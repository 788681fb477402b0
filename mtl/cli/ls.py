"""``mtl ls``: the groups of the configuration and their members."""

import re
from collections.abc import Sequence
from pathlib import Path

from mtl.cli.options import split_options
from mtl.cli.table import print_rows
from mtl.config.groups import choices, describe, folders, groups, members, need_member
from mtl.config.nearest import unknown
from mtl.errors import UserError

NO_OPTIONS = ("defaults", "_target_")
REFERENCE = re.compile(r"\$\{([\w.]+)\}")
HELP = """\
usage: mtl ls [GROUP|GROUP/MEMBER ...] [--config-dir DIR]

Lists the groups, or the members of some; * marks what is chosen unless you ask otherwise. Of a
member (mtl ls weighting/famo) it prints the options with their defaults."""


def run(arguments: list[str]) -> int:
    """Print the groups, or the members of those asked for, or the options of a member.

    Args:
        arguments: names of groups, ``group/member``, and ``--config-dir``.

    Returns:
        0.

    Raises:
        UserError: no such group or member.
    """
    config_dir, names = split_options(arguments)
    there = groups(config_dir)
    for name in names:
        group, _, member = name.partition("/")
        if group not in there:
            raise UserError(unknown("group", group, there))
        if member:
            need_member(group, member, config_dir)
    if not names:
        print_rows(group_rows(config_dir), right=[1])
    for name in names:
        if len(names) > 1:
            print(f"{name}:")
        group, _, member = name.partition("/")
        if member:
            print("\n".join(options_of(group, member, config_dir)))
        else:
            print_rows(member_rows(name, config_dir))
    return 0


def options_of(group: str, member: str, config_dir: Path | None) -> list[str]:
    """A member's description and its options as they are written, those of its parents first.

    What is taken from another key is shown as that key in brackets.
    """
    places = [folder / group for folder in reversed(folders(config_dir))]
    blocks: dict[str, list[str]] = {}
    file = members(group, config_dir)[member]
    for text in [*(parent.read_text() for parent in parents(file, places)), file.read_text()]:
        key = ""
        for line in text.splitlines():
            if line[:1] not in ("", " ", "#"):
                key = line.partition(":")[0]
                blocks[key] = []
            if key not in ("", *NO_OPTIONS) and line[:1] not in ("", "#"):
                blocks[key].append(REFERENCE.sub(r"(\1)", line))
    return [f"# {describe(file)}", *(line for block in blocks.values() for line in block)]


def parents(file: Path, places: Sequence[Path]) -> list[Path]:
    """The files that a member builds on, in its own folder, the furthest first."""
    match = re.search(r"^defaults:\s*(\[.*?\]|(\n\s*- .*)+)", file.read_text(), re.MULTILINE)
    names = re.findall(r"(?<![\w/@.])\w+(?=[,\]\s]|$)", match[1]) if match else []
    found: list[Path] = []
    for name in names:
        near = [place / f"{name}.yaml" for place in places if (place / f"{name}.yaml").is_file()]
        for parent in near[:1]:
            if parent != file:
                found += [*parents(parent, places), parent]
    return found


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
