"""``mtl ls``: the groups of the configuration and their members."""

import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mtl.cli.options import split_options
from mtl.cli.table import print_rows
from mtl.config.allowed import Chosen
from mtl.config.groups import choices, describe, groups, members, need_member
from mtl.config.measures import DIRECTIONS
from mtl.config.member_files import ALLOWED, chain, node_of, text_of
from mtl.config.nearest import listing, unknown
from mtl.config.ranges import allowed, owner_of
from mtl.errors import UserError

KEY = re.compile(r"( *)([\w.*-]+):(?:\s|$)")
NO_OPTIONS = ("defaults", "_target_")
REFERENCE = re.compile(r"\$\{([\w.]+)\}")
HELP = """\
usage: mtl ls [GROUP|GROUP/MEMBER ...] [--config-dir DIR]

Lists the groups, or the members of some; * marks what is chosen unless you ask otherwise. Of a
member (mtl ls weighting/famo) it prints the options with their defaults and, in brackets, what they
may be."""


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
            raise UserError(
                _member_alone(name, there, config_dir) or unknown("group", group, there)
            )
        if member:
            need_member(group, member, config_dir)
    if not names:
        print_rows(group_rows(config_dir), right=[1])
    for name in names:
        if len(names) > 1:
            print(f"{name}:")
        group, _, member = name.partition("/")
        if member:
            print("\n".join(map(_fitted, options_of(group, member, config_dir))))
        else:
            print_rows(member_rows(name, config_dir))
    return 0


def _fitted(line: str) -> str:
    """An option's line, whose comment goes on below itself where a terminal is too narrow."""
    width = shutil.get_terminal_size().columns
    option, mark, comment = line.partition("# ")
    if not sys.stdout.isatty() or len(line) <= width or not mark or len(option) > width // 2:
        return line
    below = f"\n{' ' * len(option)}# "
    parts = textwrap.wrap(
        comment, width - len(option) - 2, break_long_words=False, break_on_hyphens=False
    )
    return f"{option}# {below.join(parts)}"


def _member_alone(name: str, there: Sequence[str], config_dir: Path | None) -> str | None:
    """What to write for a member that was named without its group; None where it is none."""
    holding = [group for group in there if name in members(group, config_dir)]
    commands = " or ".join(f"mtl ls {group}/{name}" for group in holding)
    return f"'{name}' is a member of {listing(holding)}: {commands}" if holding else None


def options_of(group: str, member: str, config_dir: Path | None) -> list[str]:
    """A member's description and its options as they are written, those of its parents first.

    Each has in its comment what it may be, and what the parents say of it where it says nothing.
    What is taken from another key is shown as that key in brackets.
    """
    file = members(group, config_dir)[member]
    node = node_of(group, member, config_dir)
    name = f"heads.{member}" if group == "head" else group
    chosen = Chosen(config_dir, {name: member})
    blocks: dict[str, list[str]] = {}
    comments: dict[tuple[str, ...], str] = {}
    for part in chain(file, config_dir):
        for keys, line, begins in option_lines(text_of(part)):
            if begins and len(keys) == 1:
                blocks[keys[0]] = []
            written = line
            if begins and keys[0] not in DIRECTIONS:
                words = words_for(keys, node, f"{name}.", chosen)
                option, mark, comment = line.partition(" #")
                comments[keys] = comment if mark else comments.get(keys, "")
                notes = ("" if words is None else f" [{words}]") + comments[keys]
                written = f"{option}{'' if mark else ' '} #{notes}" if notes else line
            blocks[keys[0]].append(REFERENCE.sub(r"(\1)", written))
    return [f"# {describe(file)}", *(line for block in blocks.values() for line in block)]


def option_lines(text: str) -> Iterator[tuple[tuple[str, ...], str, bool]]:
    """The lines of a file's options: the keys that lead there, the line, whether a key begins."""
    keys: list[tuple[int, str]] = []
    for line in text.splitlines():
        if found := KEY.match(line):
            depth = len(found[1])
            keys = [*(key for key in keys if key[0] < depth), (depth, found[2])]
        names = tuple(name for _, name in keys)
        shown = names and names[0] not in NO_OPTIONS and ALLOWED not in names
        if shown and line.strip() and not line.startswith("#"):
            yield names, line, found is not None


def words_for(
    keys: Sequence[str], node: Mapping[str, Any], prefix: str, chosen: Chosen
) -> str | None:
    """What an option may be.

    Args:
        keys: that lead to it.
        node: its member's.
        prefix: of the node's keys.
        chosen: the member.
    """
    owner = owner_of(node, prefix, chosen=chosen)
    for key in keys[:-1]:
        prefix += f"{key}."
        inside = node.get(key)
        node = inside if isinstance(inside, Mapping) else {}
        owner = owner_of(node, prefix, owner, chosen)
    return allowed(f"{prefix}{keys[-1]}", owner)


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
