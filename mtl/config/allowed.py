"""What options may be, as the files of their members say it under ``_allowed_``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, reduce
from pathlib import Path
from typing import Any

import yaml

from mtl.config.groups import members
from mtl.config.member_files import ALLOWED, agreement, chain, text_of
from mtl.config.nearest import in_words, unknown
from mtl.config.notation import rule_of
from mtl.config.paths import conf_dir
from mtl.config.yaml_loader import LOADER
from mtl.errors import UserError

TARGET = "_target_"
ELSEWHERE = {"heads.": "head", "encoder.backbones[": "backbone"}
"""Where the members of nodes of another name lie."""


@dataclass(frozen=True)
class Said:
    """A node of a member's that names a class, and what is said of its options.

    Args:
        values: with those of the files that the member builds on.
        sayings: what each of these files, the furthest first, has under ``_allowed_``.
    """

    values: Mapping[str, Any]
    sayings: Mapping[Path, object]

    @cached_property
    def allowed(self) -> Mapping[str, str]:
        """Option to what it may be, in the notation of ``notation.py``; the last word holds.

        Raises:
            UserError: a file says it of no option, or unreadably.
        """
        options = set(_options(self.values))
        found: dict[str, str] = {}
        for file, said in self.sayings.items():
            if not isinstance(said, Mapping):
                raise UserError(f"{file}: {ALLOWED} must map options to what they may be")
            for option, words in said.items():
                if option not in options:
                    raise UserError(f"{file}: {ALLOWED}: {unknown('option', str(option), options)}")
                found[option] = in_words(words)
                try:
                    rule_of(found[option])
                except UserError as error:
                    raise UserError(f"{file}: {ALLOWED}.{option}: {error}") from error
        return found


@dataclass(frozen=True)
class Chosen:
    """The members that a configuration was made of, as far as they are known.

    Args:
        config_dir: a user's folder of further members.
        names: of members, by the node that each fills: ``backbone``, ``heads.box``.
    """

    config_dir: Path | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def allowed(self, prefix: str, node: Mapping[str, Any]) -> Mapping[str, str]:
        """What the options of a node may be; nothing where no member has its class.

        Where it isn't known which member filled it, as in a run's own configuration, that of its
        class whose values it has most of is taken, and the package's rather than a user's.

        Args:
            prefix: what stands before the node's options: ``heads.box.``.
            node: names its class as ``_target_``.

        Raises:
            UserError: a file can't be understood.
        """
        group = group_of(prefix)
        found = self._known(group, prefix)
        if found is None or found.values[TARGET] != node[TARGET]:
            alike = [said for said in self._all(group) if said.values[TARGET] == node[TARGET]]
            found = max(alike, key=lambda said: agreement(node, said.values), default=None)
        return {} if found is None else found.allowed

    def refuse_in_recipe(self) -> None:
        """Complain where a recipe says what options may be, which would hold for nothing.

        Raises:
            UserError: the chosen member of ``experiment`` has ``_allowed_`` somewhere.
        """
        recipe = members("experiment", self.config_dir).get(self.names.get("experiment", ""))
        if recipe is not None and any(ALLOWED in node for node in _nodes(_read(recipe)).values()):
            raise UserError(f"{recipe}: {ALLOWED} belongs in the file of the member it is about")

    def _known(self, group: str, prefix: str) -> Said | None:
        for name, member in self.names.items():
            if prefix.startswith(f"{name}.") and group_of(f"{name}.") == group:
                keys = prefix.removeprefix(f"{name}.")
                return said_in(group, member, self.config_dir).get(keys)
        return None

    def _all(self, group: str) -> Iterator[Said]:
        there = members(group, self.config_dir) if group.isidentifier() else {}
        for member in sorted(there, key=lambda name: there[name].parent.parent != conf_dir()):
            yield from said_in(group, member, self.config_dir).values()


UNKNOWN = Chosen()
"""Members of the package that nothing is known of."""


def group_of(prefix: str) -> str:
    """The group whose members fill a node.

    Args:
        prefix: what stands before the node's options: ``heads.box.``.
    """
    other = (group for start, group in ELSEWHERE.items() if prefix.startswith(start))
    return next(other, prefix.partition(".")[0])


@cache
def said_in(group: str, member: str, config_dir: Path | None = None) -> Mapping[str, Said]:
    """The nodes of a member that name a class, by what stands before their options in it.

    Args:
        group: of the member.
        member: its name.
        config_dir: a user's folder of further members.
    """
    file = members(group, config_dir).get(member)
    files = [] if file is None else chain(file, config_dir)
    nodes = {file: _nodes(_read(file)) for file in files}
    found = {}
    for prefix in dict.fromkeys(prefix for inside in nodes.values() for prefix in inside):
        parts = {file: inside[prefix] for file, inside in nodes.items() if prefix in inside}
        values = reduce(_over, parts.values())
        if TARGET in values:
            sayings = {file: part[ALLOWED] for file, part in parts.items() if ALLOWED in part}
            found[prefix] = Said(values, sayings)
    return found


def _nodes(values: Mapping[str, Any], prefix: str = "") -> dict[str, Mapping[str, Any]]:
    """A node and all in it, by what stands before their keys."""
    found = {prefix: values}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= _nodes(value, f"{prefix}{key}.")
    return found


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values of a node with those that build on it."""
    both = {
        key: _over(below[key], above[key])
        for key in below.keys() & above.keys()
        if isinstance(below[key], Mapping) and isinstance(above[key], Mapping)
    }
    return {**below, **above, **both}


def _options(node: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The options of a node, those inside others dotted."""
    for key, value in node.items():
        if key not in ("defaults", TARGET, ALLOWED):
            yield f"{prefix}{key}"
            if isinstance(value, Mapping):
                yield from _options(value, f"{prefix}{key}.")


def _read(file: Path) -> Mapping[str, Any]:
    """A file's values; none where it can't be read, which Hydra says of members that are chosen."""
    try:
        values = yaml.load(text_of(file), LOADER)
    except (yaml.YAMLError, ValueError):
        return {}
    return values if isinstance(values, Mapping) else {}
