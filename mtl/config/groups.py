"""The groups of the configuration and their members, read off the folders."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mtl.config.nearest import unknown
from mtl.config.paths import conf_dir
from mtl.errors import UserError


@dataclass(frozen=True)
class Choice:
    """One line of the defaults list, or below it.

    Args:
        default: the member chosen unless asked otherwise; None for ``head``, chosen by ``tasks``,
            and for what is no part of a training (``compression``).
        description: the line's comment.
    """

    default: str | None
    description: str


def folders(config_dir: Path | None = None) -> list[Path]:
    """Where configurations are looked up, in this order.

    Raises:
        UserError: the user's folder does not exist.
    """
    if config_dir is None:
        return [conf_dir()]
    if not config_dir.is_dir():
        raise UserError(f"--config-dir {config_dir}: no such folder")
    return [conf_dir(), config_dir.resolve()]


def groups(config_dir: Path | None = None) -> list[str]:
    """The names of all groups: those of the defaults list in its order, then the user's own."""
    packaged, *own = folders(config_dir)
    found = _packaged_groups(packaged).union(*map(_groups_in, own))
    known = [name for name in choices() if name in found]
    return known + sorted(found - set(known))


def _groups_in(folder: Path) -> set[str]:
    return {
        entry.name
        for entry in folder.iterdir()
        if entry.is_dir()
        and entry.name != "hydra"
        and any(f.suffix == ".yaml" for f in entry.iterdir())
    }


def members(group: str, config_dir: Path | None = None) -> dict[str, Path]:
    """Member name to file; names that begin with an underscore are parts, not members."""
    packaged, *own = folders(config_dir)
    found: dict[str, Path] = {}
    for folder in reversed(own):
        found |= _members_in(folder / group)
    return dict(sorted({**found, **_packaged_members(packaged / group)}.items()))


def _members_in(folder: Path) -> dict[str, Path]:
    return {f.stem: f for f in folder.glob("*.yaml") if not f.name.startswith("_")}


# What the package holds stays; a user's folder is looked at each time.
_packaged_groups = cache(_groups_in)
_packaged_members = cache(_members_in)


def describe(file: Path) -> str:
    """The first comment line of a file that is not a package header."""
    for line in file.read_text().splitlines():
        text = line.lstrip("# ").strip()
        if not line.startswith("#"):
            break
        if text and not text.startswith("@"):
            return text
    return ""


def choices() -> dict[str, Choice]:
    """The groups of the defaults list, and below it, with their defaults and descriptions."""
    return dict(_choices_in(conf_dir() / "config.yaml"))


@cache
def _choices_in(file: Path) -> dict[str, Choice]:
    found = {}
    for line in file.read_text().splitlines():
        if match := re.match(r"\s+- (\w+): (\w+)\s+# (.*)", line):
            found[match[1]] = Choice(match[2], match[3])
        elif match := re.match(r"\s+- heads\s+# head: (.*)", line):
            found["head"] = Choice(None, match[1])
        elif match := re.match(r"\s+# (\w+): (.*), for mtl \w+$", line):
            found[match[1]] = Choice(None, match[2])
    return found


def short_keys() -> dict[str, str]:
    """The keys at the top of the configuration with their descriptions."""
    text = (conf_dir() / "config.yaml").read_text()
    return dict(re.findall(r"^(\w+): \S+\s+# (.*)$", text, re.MULTILINE))


def need_member(group: str, name: object, config_dir: Path | None = None) -> None:
    """Complain unless ``name`` is a member of ``group``.

    Raises:
        UserError: it is not; the message lists the members.
    """
    there = members(group, config_dir)
    if name is None:
        hint = f"; choose {group}=none" if "none" in there else ""
        raise UserError(f"{group}=null is no choice{hint}. There are: {', '.join(there)}")
    if str(name) not in there:
        raise UserError(f"{group}={name}: {unknown(group, str(name), there)}")
